package dev.tandem.runtime;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Whether an answer is a call of a known function, and its arguments are what the schema says.
 *
 * <p>The grammar of constrained decoding promises the same for its own answers; this is the check for any text, whoever
 * wrote it. The order of the checks is fixed in mobile/contract/README.md: other languages report the same.
 */
final class CallCheck {
    private static final int LONGEST = 10_000; // code points of an answer
    private static final double EXACT = (1L << 53) - 1; // the largest integer that every language's numbers hold

    /** {@code name} is null where no function applies. */
    record Call(String name, Map<String, Object> arguments) {}

    /** Why a call is refused, and the argument (or the path inside of one) that is the cause. */
    record Fault(Action.Code code, String argument) {}

    private CallCheck() {}

    /** The call that a text spells; null where it spells none. */
    static Call read(String text) {
        if (text.codePointCount(0, text.length()) > LONGEST) {
            return null;
        }
        try {
            Map<String, Object> values = Json.object(plain(Json.read(text)), "the answer");
            Map<String, Object> arguments = Json.object(values.get("arguments"), "arguments");
            Object name = values.get("name");
            boolean wrong = values.size() != 2 || !values.containsKey("name") || (name == null && !arguments.isEmpty());
            return wrong ? null : new Call(name == null ? null : Json.string(name, "name"), arguments);
        } catch (IllegalArgumentException error) {
            return null;
        }
    }

    /** The first fault of a call's arguments, null where there is none. */
    static Fault arguments(Map<String, Object> arguments, Schema parameters) {
        return members(arguments, parameters, "");
    }

    private static Fault members(Map<String, Object> value, Schema schema, String before) {
        Map<String, Object> declared = schema.properties();
        List<String> names = new ArrayList<>(value.keySet());
        names.sort(JsonText::compare);
        for (String name : names) {
            if (!declared.containsKey(name)) {
                return new Fault(Action.Code.UNKNOWN_ARGUMENT, before + name);
            }
        }
        for (String name : schema.required()) {
            if (!value.containsKey(name)) {
                return new Fault(Action.Code.MISSING_ARGUMENT, before + name);
            }
        }
        for (String name : names) {
            Fault fault = value(value.get(name), schema.inner(declared.get(name), schema.where), before + name);
            if (fault != null) {
                return fault;
            }
        }
        return null;
    }

    private static Fault value(Object value, Schema schema, String where) {
        if (!isOfType(value, schema) || (value instanceof Double number && Double.isInfinite(number))) {
            return new Fault(Action.Code.WRONG_TYPE, where);
        }
        boolean offered = (!schema.has("const") || equal(value, schema.get("const")))
                && (!schema.has("enum") || isAmong(value, schema.array("enum")))
                && (!schema.has("anyOf") || isAnyOf(value, schema, where));
        if (!offered) {
            return new Fault(Action.Code.NOT_ALLOWED, where);
        }
        if (!isWithin(value, schema)) {
            return new Fault(Action.Code.OUT_OF_RANGE, where);
        }
        if (value instanceof List) {
            return items(Json.array(value, where), schema, where);
        }
        boolean inner = value instanceof Map && schema.has("properties");
        return inner ? members(Json.object(value, where), schema, where + ".") : null;
    }

    private static Fault items(List<Object> items, Schema schema, String where) {
        Object each = schema.has("items") ? schema.get("items") : Boolean.TRUE;
        for (int index = 0; index < items.size(); index++) {
            Fault fault = value(items.get(index), schema.inner(each, schema.where), where + "." + index);
            if (fault != null) {
                return fault;
            }
        }
        return null;
    }

    private static boolean isOfType(Object value, Schema schema) {
        List<String> kinds = schema.has("type") ? schema.declared()
                : schema.has("properties") ? Collections.singletonList("object") : Collections.emptyList();
        boolean found = kinds.isEmpty();
        for (String kind : kinds) {
            found |= switch (kind) {
                case "null" -> value == null;
                case "boolean" -> value instanceof Boolean;
                case "integer" -> value instanceof Long;
                case "number" -> value instanceof Long || value instanceof Double;
                case "string" -> value instanceof String;
                case "array" -> value instanceof List;
                default -> value instanceof Map;
            };
        }
        return found;
    }

    private static boolean isAnyOf(Object value, Schema schema, String where) {
        for (Object option : schema.array("anyOf")) {
            if (value(value, schema.inner(option, schema.where), where) == null) {
                return true;
            }
        }
        return false;
    }

    private static boolean isAmong(Object value, List<Object> options) {
        for (Object option : options) {
            if (equal(value, option)) {
                return true;
            }
        }
        return false;
    }

    private static boolean isWithin(Object value, Schema schema) {
        if (value instanceof Number number) {
            double found = number.doubleValue();
            return found >= bound(schema, "minimum", Double.NEGATIVE_INFINITY)
                    && found <= bound(schema, "maximum", Double.POSITIVE_INFINITY)
                    && found > bound(schema, "exclusiveMinimum", Double.NEGATIVE_INFINITY)
                    && found < bound(schema, "exclusiveMaximum", Double.POSITIVE_INFINITY);
        }
        if (value instanceof String text) {
            int length = text.codePointCount(0, text.length());
            return length >= schema.count("minLength", 0) && length <= schema.count("maxLength", Integer.MAX_VALUE);
        }
        int size = value instanceof List<?> items ? items.size() : -1;
        return size < 0
                || (size >= schema.count("minItems", 0) && size <= schema.count("maxItems", Integer.MAX_VALUE));
    }

    private static double bound(Schema schema, String keyword, double otherwise) {
        BigDecimal bound = schema.bound(keyword);
        return bound == null ? otherwise : bound.doubleValue();
    }

    /** Equality of JSON values: 1 is 1.0, and neither is true. */
    private static boolean equal(Object one, Object other) {
        return plainEqual(one, plain(other));
    }

    private static boolean plainEqual(Object one, Object other) {
        if (one instanceof Number number && other instanceof Number second) {
            return number.doubleValue() == second.doubleValue();
        }
        if (one instanceof List<?> items && other instanceof List<?> others) {
            boolean same = items.size() == others.size();
            for (int index = 0; same && index < items.size(); index++) {
                same = plainEqual(items.get(index), others.get(index));
            }
            return same;
        }
        if (one instanceof Map<?, ?> members && other instanceof Map<?, ?> others) {
            boolean same = members.keySet().equals(others.keySet());
            for (Object key : members.keySet()) {
                same = same && plainEqual(members.get(key), others.get(key));
            }
            return same;
        }
        return one == null ? other == null : one.equals(other);
    }

    /** Numbers as JavaScript has them: 20.0 is the integer 20, what a double does not hold exactly is no integer. */
    private static Object plain(Object value) {
        if (value instanceof Number number) {
            double found = number.doubleValue();
            boolean whole = Math.abs(found) <= EXACT && found == Math.rint(found);
            if (whole) {
                return (long) found;
            }
            return found;
        }
        if (value instanceof List<?> items) {
            List<Object> all = new ArrayList<>();
            for (Object item : items) {
                all.add(plain(item));
            }
            return all;
        }
        if (value instanceof Map<?, ?> members) {
            Map<String, Object> all = new LinkedHashMap<>();
            for (Map.Entry<?, ?> member : members.entrySet()) {
                all.put((String) member.getKey(), plain(member.getValue()));
            }
            return all;
        }
        return value;
    }
}
