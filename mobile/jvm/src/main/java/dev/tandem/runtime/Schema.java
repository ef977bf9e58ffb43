package dev.tandem.runtime;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** One JSON schema of tools.json with its {@code $ref} followed; wrong contents become a SchemaException. */
final class Schema {
    /** No promise about which values are legal: read by people only. */
    private static final Set<String> ANNOTATIONS = new HashSet<>(Arrays.asList(
            "title", "description", "default", "examples", "format", "deprecated", "$comment", "$defs", "definitions",
            "readOnly", "writeOnly", "additionalProperties", "type", "$schema"));
    private static final List<String> SCALARS = Arrays.asList("string", "number", "boolean", "null");
    private static final List<String> BOUNDS =
            Arrays.asList("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum");
    private static final Map<String, List<String>> KEYWORDS = new HashMap<>();
    private static final int MOST_REFERENCES = 8;
    private static final int MOST_NESTED = 32; // deeper schemas lead back to themselves

    static {
        KEYWORDS.put("string", Arrays.asList("minLength", "maxLength"));
        KEYWORDS.put("integer", BOUNDS);
        KEYWORDS.put("number", BOUNDS);
        KEYWORDS.put("array", Arrays.asList("items", "minItems", "maxItems"));
        KEYWORDS.put("object", Arrays.asList("properties", "required"));
        KEYWORDS.put("boolean", Collections.emptyList());
        KEYWORDS.put("null", Collections.emptyList());
    }

    final String where;
    private final Map<String, Object> values;
    private final Object root;
    private final int depth;

    Schema(Object schema, Object root, String where) {
        this(schema, root, where, 0);
    }

    private Schema(Object schema, Object root, String where, int depth) {
        this.root = root;
        this.where = where;
        this.depth = depth;
        if (depth > MOST_NESTED) {
            throw wrong("the schema is nested more than " + MOST_NESTED + " levels, or leads back to itself.");
        }
        this.values = followed(schema);
    }

    /** A schema inside this one. */
    Schema inner(Object schema, String where) {
        return new Schema(schema, root, where, depth + 1);
    }

    boolean has(String keyword) {
        return values.containsKey(keyword);
    }

    Object get(String keyword) {
        return values.get(keyword);
    }

    List<Object> array(String keyword) {
        try {
            return Json.array(get(keyword), keyword);
        } catch (IllegalArgumentException error) {
            throw wrong(error.getMessage() + ".");
        }
    }

    /** A list that holds something. */
    List<Object> items(String keyword) {
        if (array(keyword).isEmpty()) {
            throw wrong(keyword + " is a list without a value.");
        }
        return array(keyword);
    }

    Map<String, Object> properties() {
        try {
            return has("properties") ? Json.object(get("properties"), "properties") : Collections.emptyMap();
        } catch (IllegalArgumentException error) {
            throw wrong(error.getMessage() + ".");
        }
    }

    /** The names of {@code required}, in its order. */
    Set<String> required() {
        Set<String> names = new LinkedHashSet<>();
        for (Object name : has("required") ? array("required") : Collections.emptyList()) {
            if (!(name instanceof String)) {
                throw wrong("required holds " + JsonText.of(name) + ", which is no name.");
            }
            names.add((String) name);
        }
        return names;
    }

    /** A number of characters or items. */
    int count(String keyword, int otherwise) {
        if (!has(keyword)) {
            return otherwise;
        }
        BigDecimal value = get(keyword) instanceof Number ? new BigDecimal(get(keyword).toString()) : null;
        try {
            if (value != null && value.signum() >= 0) {
                return value.intValueExact();
            }
        } catch (ArithmeticException error) {
            // refused below
        }
        throw wrong(keyword + " is " + get(keyword) + ", not a whole number of 0 or more.");
    }

    /** {@code most}: below 0 where there is none. */
    void checkCounts(String leastName, int least, String mostName, int most) {
        if (most >= 0 && most < least) {
            throw wrong(mostName + " " + most + " is below " + leastName + " " + least + ".");
        }
    }

    /** A number's bound; null where there is none. */
    BigDecimal bound(String keyword) {
        if (!has(keyword)) {
            return null;
        }
        if (!(get(keyword) instanceof Number number) || Double.isInfinite(number.doubleValue())) {
            throw wrong(keyword + " is " + get(keyword) + ", not a number.");
        }
        return new BigDecimal(number.toString());
    }

    /** The canonical text of a value of this schema. */
    String spelled(Object value) {
        if (!isSpellable(value)) {
            throw wrong("a value holds a number that is not finite or half a surrogate pair, which JSON cannot spell.");
        }
        return JsonText.of(value);
    }

    private static boolean isSpellable(Object value) {
        if (value instanceof Map<?, ?> members) {
            return isSpellable(new ArrayList<>(members.keySet())) && isSpellable(new ArrayList<>(members.values()));
        }
        if (value instanceof List<?> items) {
            for (Object item : items) {
                if (!isSpellable(item)) {
                    return false;
                }
            }
        }
        return !(value instanceof String text && Utf8.hasLoneSurrogate(text))
                && !(value instanceof BigDecimal number && Double.isInfinite(number.doubleValue()));
    }

    /** The types that a value may have; scalars where the schema does not say. */
    List<String> kinds() {
        return has("type") ? declared() : has("properties") ? Arrays.asList("object") : SCALARS;
    }

    /** The types that {@code type} names, one or several. */
    List<String> declared() {
        List<String> kinds = new ArrayList<>();
        for (Object kind : get("type") instanceof String ? Arrays.asList(get("type")) : items("type")) {
            if (!(kind instanceof String name) || !KEYWORDS.containsKey(name)) {
                throw wrong("the type '" + kind + "' is unknown to JSON schema.");
            }
            kinds.add(name);
        }
        return kinds;
    }

    /** Whether {@code type} allows a value; true where there is none. */
    boolean hasType(Object value) {
        return !has("type") || !Collections.disjoint(declared(), kindsOf(value));
    }

    private static List<String> kindsOf(Object value) {
        if (value instanceof BigInteger) {
            return Arrays.asList("number", "integer");
        }
        if (value instanceof BigDecimal number) {
            boolean whole = number.signum() == 0 || number.stripTrailingZeros().scale() <= 0;
            return whole ? Arrays.asList("number", "integer") : Arrays.asList("number");
        }
        String kind = value == null ? "null" : value instanceof Boolean ? "boolean" : value instanceof String ? "string"
                : value instanceof List ? "array" : "object";
        return Arrays.asList(kind);
    }

    String[] keywords(List<String> kinds) {
        List<String> known = new ArrayList<>();
        for (String kind : kinds) {
            known.addAll(KEYWORDS.get(kind));
        }
        return known.toArray(new String[0]);
    }

    void refuseUnknown(String... known) {
        TreeSet<String> unknown = new TreeSet<>(values.keySet());
        unknown.removeAll(Arrays.asList(known));
        unknown.removeAll(ANNOTATIONS);
        if (!unknown.isEmpty()) {
            throw wrong("the keyword '" + unknown.first() + "' cannot be guaranteed. Take it out of the schema, or "
                    + "answer without a constraint.");
        }
    }

    SchemaException wrong(String what) {
        return new SchemaException("tools.json, " + where + ": " + what);
    }

    /** The schema behind {@code $ref}, which must be local and may not lead back to itself. */
    private Map<String, Object> followed(Object schema) {
        Object found = schema;
        for (int count = 0; count <= MOST_REFERENCES; count++) {
            if (Boolean.TRUE.equals(found)) {
                return Collections.emptyMap();
            }
            if (!(found instanceof Map)) {
                throw wrong("the schema is " + JsonText.of(found) + ", not an object.");
            }
            Map<String, Object> object = Json.object(found, where);
            if (!object.containsKey("$ref")) {
                return object;
            }
            checkBesideReference(object.keySet());
            found = target(String.valueOf(object.get("$ref")));
        }
        throw wrong("a $ref leads back to itself.");
    }

    private void checkBesideReference(Set<String> keywords) {
        for (String keyword : new TreeSet<>(keywords)) {
            if (!keyword.equals("$ref") && (keyword.equals("type") || !ANNOTATIONS.contains(keyword))) {
                throw wrong("the keyword '" + keyword + "' beside $ref is not kept. Move it into the schema that "
                        + "is named.");
            }
        }
    }

    private Object target(String reference) {
        Object target = root;
        for (String name : (reference.startsWith("#/") ? reference.substring(2) : reference).split("/")) {
            target = target instanceof Map<?, ?> members ? members.get(name) : null;
        }
        if (target == null) {
            throw wrong("$ref '" + reference + "' leads nowhere; only '#/$defs/…' is followed.");
        }
        return target;
    }
}
