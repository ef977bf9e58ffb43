package dev.tandem.runtime;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * The canonical spelling of a JSON value: no white space, keys sorted by code point, no escape that is not needed.
 *
 * <p>It is the spelling that Python's {@code json.dumps(value, ensure_ascii=False, sort_keys=True,
 * separators=(",", ":"))} gives, which the model was trained on, numbers included: 1.0 and 1e16 stay floats.
 */
public final class JsonText {
    private JsonText() {}

    /** The text of a value as {@link Json} returns it; numbers may be Long and Double, too. */
    public static String of(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    /** The inside of a JSON string, without its quotes. */
    public static String escape(CharSequence text) {
        StringBuilder out = new StringBuilder();
        for (int index = 0; index < text.length(); index++) {
            char letter = text.charAt(index);
            int named = "\"\\\n\r\t\b\f".indexOf(letter);
            if (named >= 0) {
                out.append('\\').append("\"\\nrtbf".charAt(named));
            } else if (letter < 0x20) {
                out.append("\\u00").append("0123456789abcdef".charAt(letter >> 4));
                out.append("0123456789abcdef".charAt(letter & 15));
            } else {
                out.append(letter);
            }
        }
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value instanceof Map<?, ?> members) {
            writeMembers(members, out);
        } else if (value instanceof Collection<?> items) {
            String before = "[";
            for (Object item : items) {
                write(item, out.append(before));
                before = ",";
            }
            out.append(items.isEmpty() ? "[]" : "]");
        } else if (value instanceof String text) {
            out.append('"').append(escape(text)).append('"');
        } else {
            boolean fraction = value instanceof BigDecimal || value instanceof Double;
            out.append(fraction ? shortest(((Number) value).doubleValue()) : String.valueOf(value));
        }
    }

    private static void writeMembers(Map<?, ?> members, StringBuilder out) {
        List<String> keys = new ArrayList<>();
        for (Object key : members.keySet()) {
            keys.add((String) key);
        }
        keys.sort(JsonText::compare);
        String before = "{";
        for (String key : keys) {
            out.append(before).append('"').append(escape(key)).append("\":");
            write(members.get(key), out);
            before = ",";
        }
        out.append(keys.isEmpty() ? "{}" : "}");
    }

    /** Order by code point. String.compareTo orders by UTF-16 unit: emoji would come before U+FFxx. */
    public static int compare(String one, String other) {
        int at = 0;
        while (at < one.length() && at < other.length()) {
            int first = one.codePointAt(at);
            int second = other.codePointAt(at);
            if (first != second) {
                return Integer.compare(first, second);
            }
            at += Character.charCount(first);
        }
        return Integer.compare(one.length(), other.length());
    }

    /** The shortest text that reads back as the same double, as Python's repr; Double.toString has others. */
    static String shortest(double value) {
        if (value == 0) {
            return 1 / value < 0 ? "-0.0" : "0.0";
        }
        if (Double.isInfinite(value)) {
            return String.valueOf(value); // no JSON, for messages about a number too large
        }
        BigDecimal exact = new BigDecimal(value);
        BigDecimal found = exact;
        for (int digits = 1; digits <= 17; digits++) {
            found = exact.round(new MathContext(digits));
            if (found.doubleValue() == value) {
                break;
            }
        }
        found = found.stripTrailingZeros();
        int exponent = found.precision() - found.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = found.toPlainString();
            return plain.indexOf('.') < 0 ? plain + ".0" : plain;
        }
        String digits = found.unscaledValue().abs().toString();
        String fraction = digits.length() > 1 ? "." + digits.substring(1) : "";
        String power = Math.abs(exponent) < 10 ? "0" + Math.abs(exponent) : String.valueOf(Math.abs(exponent));
        return (value < 0 ? "-" : "") + digits.charAt(0) + fraction + "e" + (exponent < 0 ? "-" : "+") + power;
    }
}
