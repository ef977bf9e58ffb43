package dev.tandem.runtime;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A strict JSON reader (RFC 8259): no comments, no trailing commas, no NaN, nothing after the value.
 * Of a key that is there twice the last value counts, as in Python and JavaScript.
 *
 * <p>Objects become {@code Map<String, Object>} in the order of the text, arrays {@code List<Object>}, numbers written
 * without point and exponent {@code BigInteger}, others {@code BigDecimal}, null {@code null}. Own code, because
 * org.json is on every Android but not on a desktop, and the core has no dependency. {@link JsonText} writes.
 */
public final class Json {
    private static final int MOST_NESTED = 64; // objects and lists in one another, the outermost included: reading is recursive

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** The value of a whole text; IllegalArgumentException with the offset where it is no JSON. */
    public static Object read(String text) {
        Json reader = new Json(text);
        Object value = reader.value(0);
        reader.space();
        if (reader.at < text.length()) {
            throw reader.wrong("the end of the text");
        }
        return value;
    }

    /** {@code value} as an object; IllegalArgumentException that names {@code where} elsewhere. */
    @SuppressWarnings("unchecked")
    public static Map<String, Object> object(Object value, String where) {
        if (!(value instanceof Map)) {
            throw new IllegalArgumentException(where + " is not an object");
        }
        return (Map<String, Object>) value;
    }

    /** {@code value} as an array. */
    @SuppressWarnings("unchecked")
    public static List<Object> array(Object value, String where) {
        if (!(value instanceof List)) {
            throw new IllegalArgumentException(where + " is not an array");
        }
        return (List<Object>) value;
    }

    /** {@code value} as a string. */
    public static String string(Object value, String where) {
        if (!(value instanceof String found)) {
            throw new IllegalArgumentException(where + " is not a string");
        }
        return found;
    }

    /** {@code value} as a whole number that fits an int. */
    public static int integer(Object value, String where) {
        if (!(value instanceof BigInteger number) || number.bitLength() > 31) {
            throw new IllegalArgumentException(where + " is not a whole number of 32 bits");
        }
        return number.intValue();
    }

    /** {@code value} as an array of whole numbers. */
    public static int[] integers(Object value, String where) {
        List<Object> items = array(value, where);
        int[] numbers = new int[items.size()];
        for (int index = 0; index < numbers.length; index++) {
            numbers[index] = integer(items.get(index), where);
        }
        return numbers;
    }

    private Object value(int depth) {
        space();
        char first = peek();
        if ((first == '{' || first == '[') && depth == MOST_NESTED) {
            throw wrong("at most " + MOST_NESTED + " levels");
        }
        return switch (first) {
            case '{' -> object(depth);
            case '[' -> array(depth);
            case '"' -> string();
            case 't' -> word("true", Boolean.TRUE);
            case 'f' -> word("false", Boolean.FALSE);
            case 'n' -> word("null", null);
            default -> number();
        };
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> members = new LinkedHashMap<>();
        at++;
        space();
        if (take('}')) {
            return members;
        }
        do {
            space();
            if (peek() != '"') {
                throw wrong("a key in quotes");
            }
            String key = string();
            space();
            if (!take(':')) {
                throw wrong("':'");
            }
            members.put(key, value(depth + 1));
            space();
        } while (take(','));
        if (!take('}')) {
            throw wrong("',' or '}'");
        }
        return members;
    }

    private List<Object> array(int depth) {
        at++;
        space();
        if (take(']')) {
            return Collections.emptyList();
        }
        List<Object> items = new ArrayList<>();
        do {
            items.add(value(depth + 1));
            space();
        } while (take(','));
        if (!take(']')) {
            throw wrong("',' or ']'");
        }
        return items;
    }

    private String string() {
        StringBuilder found = new StringBuilder();
        at++;
        while (true) {
            char letter = peek();
            if (letter < 0x20) {
                throw wrong("an escape: control characters may not stand in a string");
            }
            at++;
            if (letter == '"') {
                return found.toString();
            }
            found.append(letter == '\\' ? escape() : letter);
        }
    }

    private char escape() {
        char letter = peek();
        at++;
        return switch (letter) {
            case '"', '\\', '/' -> letter;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> hexadecimal();
            default -> throw wrong("an escape");
        };
    }

    private char hexadecimal() {
        int value = 0;
        for (int count = 0; count < 4; count++, at++) {
            char letter = peek();
            int digit = letter < 0x80 ? Character.digit(letter, 16) : -1; // other scripts have digits, too
            if (digit < 0) {
                throw wrong("four hexadecimal digits");
            }
            value = 16 * value + digit;
        }
        return (char) value;
    }

    private Object number() {
        int start = at;
        take('-');
        if (!take('0')) {
            digits();
        }
        boolean whole = true;
        if (take('.')) {
            digits();
            whole = false;
        }
        if (take('e') || take('E')) {
            if (!take('-')) {
                take('+');
            }
            digits();
            whole = false;
        }
        String found = text.substring(start, at);
        return whole ? new BigInteger(found) : new BigDecimal(found);
    }

    private void digits() {
        int start = at;
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        if (at == start) {
            throw wrong("a value");
        }
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw wrong("a value");
        }
        at += word.length();
        return value;
    }

    private void space() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char peek() {
        if (at >= text.length()) {
            throw wrong("more text");
        }
        return text.charAt(at);
    }

    private boolean take(char letter) {
        boolean found = at < text.length() && text.charAt(at) == letter;
        at += found ? 1 : 0;
        return found;
    }

    private IllegalArgumentException wrong(String expected) {
        return new IllegalArgumentException("at character " + at + " " + expected + " was expected");
    }
}
