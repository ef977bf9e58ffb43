package dev.tandem.runtime;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * tools.json as a grammar of bytes: exactly the canonical JSON call, nothing else.
 *
 * <pre>{@code {"name":"HassTurnOn","arguments":{"area":"kitchen","domain":"light"}} }</pre>
 *
 * <p>No white space, the name first, arguments sorted by key, each at most once, required ones present, values legal
 * by their schema. Where a schema leaves more open than a call should use, the grammar takes a part of it that is
 * always legal; what it cannot guarantee ({@code pattern}, {@code multipleOf}, …) it refuses by name.
 */
final class CallGrammar {
    static final String NOTHING = "{\"name\":null,\"arguments\":{}}";

    final boolean substrings;
    final Frame root;

    /** {@code substrings}: strings without an enumeration or a length limit are cut from the utterance. */
    CallGrammar(List<Map<String, Object>> tools, boolean substrings) {
        this.substrings = substrings;
        List<Frame> options = new ArrayList<>();
        options.add(Frame.Literal.of(NOTHING));
        for (Map<String, Object> tool : tools) {
            Object parameters = tool.get("parameters") == null ? new LinkedHashMap<>() : tool.get("parameters");
            String where = "function " + tool.get("name");
            Schema schema = new Schema(parameters, parameters, where);
            options.add(new Frame.Series(
                    Frame.Literal.of("{\"name\":" + schema.spelled(tool.get("name")) + ",\"arguments\":"),
                    object(schema), Frame.Literal.of("}")));
        }
        root = new Frame.Choice(options, false);
    }

    private Frame value(Schema schema) {
        for (String keyword : new String[] {"const", "enum"}) {
            if (schema.has(keyword)) {
                return enumeration(schema, keyword);
            }
        }
        if (schema.has("anyOf")) {
            schema.refuseUnknown("anyOf");
            if (schema.has("type")) {
                throw schema.wrong("a type beside anyOf is not kept. Move it into the options.");
            }
            List<Frame> options = new ArrayList<>();
            for (Object option : schema.items("anyOf")) {
                options.add(value(schema.inner(option, schema.where)));
            }
            return new Frame.Choice(options, false);
        }
        List<String> kinds = schema.kinds();
        schema.refuseUnknown(schema.keywords(kinds));
        List<Frame> options = new ArrayList<>();
        for (String kind : kinds) {
            options.add(typed(kind, schema));
        }
        return new Frame.Choice(options, false);
    }

    private static Frame enumeration(Schema schema, String keyword) {
        schema.refuseUnknown("const", "enum");
        List<Object> values = keyword.equals("enum") ? schema.items("enum") : Arrays.asList(schema.get("const"));
        Set<String> also = new HashSet<>();
        for (Object value : schema.has("enum") ? schema.items("enum") : values) {
            also.add(schema.spelled(value));
        }
        List<Frame> options = new ArrayList<>();
        for (Object value : values) {
            if (also.contains(schema.spelled(value)) && schema.hasType(value)) {
                options.add(Frame.Literal.of(schema.spelled(value)));
            }
        }
        if (options.isEmpty()) {
            throw schema.wrong("no value of " + JsonText.of(values) + " has the type " + schema.get("type") + ".");
        }
        return new Frame.Choice(options, false);
    }

    private Frame typed(String kind, Schema schema) {
        return switch (kind) {
            case "string" -> string(schema);
            case "integer", "number" -> number(schema, kind.equals("integer"));
            case "array" -> array(schema);
            case "object" -> object(schema);
            case "boolean" -> Frame.Choice.of(Frame.Literal.of("true"), Frame.Literal.of("false"));
            default -> Frame.Literal.of("null");
        };
    }

    private Frame string(Schema schema) {
        int least = schema.count("minLength", 0);
        int most = schema.count("maxLength", StringBody.ANY);
        schema.checkCounts("minLength", least, "maxLength", most);
        boolean free = least <= 1 && most == StringBody.ANY; // an excerpt has one character or more
        return new Frame.Series(Frame.Literal.of("\""),
                substrings && free ? Excerpt.START : new StringBody(0, least, most));
    }

    private Frame object(Schema schema) {
        schema.refuseUnknown("properties", "required");
        Map<String, Object> properties = schema.properties();
        Set<String> required = schema.required();
        for (String key : new TreeSet<>(required)) {
            if (!properties.containsKey(key)) {
                throw schema.wrong("'" + key + "' is required but not in properties.");
            }
        }
        List<String> keys = new ArrayList<>(properties.keySet());
        keys.sort(JsonText::compare);
        // What may follow once the keys from an index on are still to come, with and without a comma before them.
        Frame afterOne = Frame.Literal.of("}");
        Frame atFirst = Frame.Literal.of("}");
        for (int index = keys.size() - 1; index >= 0; index--) {
            String key = keys.get(index);
            Frame value = value(schema.inner(properties.get(key), schema.where + ", argument '" + key + "'"));
            String spelled = schema.spelled(key) + ":";
            Frame comma = new Frame.Series(Frame.Literal.of("," + spelled), value, afterOne);
            Frame plain = new Frame.Series(Frame.Literal.of(spelled), value, afterOne);
            boolean must = required.contains(key);
            atFirst = must ? plain : Frame.Choice.of(plain, atFirst);
            afterOne = must ? comma : Frame.Choice.of(comma, afterOne);
        }
        return new Frame.Series(Frame.Literal.of("{"), atFirst);
    }

    private Frame array(Schema schema) {
        Frame item = value(schema.inner(schema.has("items") ? schema.get("items") : Boolean.TRUE, schema.where));
        int least = schema.count("minItems", 0);
        int most = schema.count("maxItems", -1);
        schema.checkCounts("minItems", least, "maxItems", most);
        Frame rest = Frame.Literal.of("]");
        if (most < 0) {
            List<Frame> options = new ArrayList<>(Arrays.asList(rest));
            Frame loop = new Frame.Choice(options, true);
            options.add(new Frame.Series(Frame.Literal.of(","), item, loop));
            rest = loop;
        }
        for (int count = (most < 0 ? Math.max(least, 1) : most) - 1; count >= 0; count--) {
            Frame another = count > 0 ? new Frame.Series(Frame.Literal.of(","), item, rest)
                    : new Frame.Series(item, rest);
            rest = count < least ? another : Frame.Choice.of(Frame.Literal.of("]"), another);
        }
        return new Frame.Series(Frame.Literal.of("["), rest);
    }

    private static Frame number(Schema schema, boolean integer) {
        BigInteger low = null;
        BigInteger high = null;
        for (boolean open : new boolean[] {false, true}) {
            BigInteger least = bound(schema.bound(open ? "exclusiveMinimum" : "minimum"), integer, open, true);
            BigInteger most = bound(schema.bound(open ? "exclusiveMaximum" : "maximum"), integer, open, false);
            low = low == null ? least : least == null ? low : low.max(least);
            high = high == null ? most : most == null ? high : high.min(most);
        }
        NumberPrefix number = new NumberPrefix(new NumberRange(integer, low, high), "");
        boolean empty = low != null && high != null && low.compareTo(high) > 0;
        for (char letter : empty ? new char[0] : "-0123456789".toCharArray()) {
            if (number.step(letter) != null) {
                return number;
            }
        }
        throw schema.wrong("no number of at most 15 digits lies within its bounds.");
    }

    /** A bound in units of 10^-9; an open one that is a step of the scale itself is moved by a step. */
    private static BigInteger bound(BigDecimal value, boolean integer, boolean open, boolean lower) {
        if (value == null) {
            return null;
        }
        BigDecimal step = integer ? new BigDecimal(NumberRange.SCALE) : BigDecimal.ONE;
        BigDecimal scaled = value.multiply(new BigDecimal(NumberRange.SCALE));
        BigDecimal steps = scaled.divide(step).setScale(0, lower ? RoundingMode.CEILING : RoundingMode.FLOOR);
        BigDecimal found = steps.multiply(step);
        if (open && found.compareTo(scaled) == 0) {
            found = lower ? found.add(step) : found.subtract(step);
        }
        return found.toBigIntegerExact();
    }
}
