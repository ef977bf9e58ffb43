package dev.tandem.runtime;

import java.math.BigInteger;

/**
 * Inside a number, after its first characters {@code text}.
 *
 * <p>No exponents, no leading or trailing zeros ("20.0" aside), no "-0": every value has one spelling.
 */
record NumberPrefix(NumberRange range, String text) implements Frame {
    /** The next state, or null where no allowed number goes on with the byte. */
    NumberPrefix step(int value) {
        if (value != '.' && value != '-' && (value < '0' || value > '9')) {
            return null;
        }
        NumberPrefix next = new NumberPrefix(range, text + (char) value);
        if (!next.isReachable()) {
            return null;
        }
        return range.isOpen() ? new NumberPrefix(range, shape(next.text)) : next;
    }

    /** Whether the number may end here. */
    boolean isComplete() {
        String fraction = fraction();
        if (whole().isEmpty() || (hasDot() && fraction.isEmpty()) || text.equals("-0")
                || (fraction.length() > 1 && fraction.endsWith("0"))) {
            return false;
        }
        BigInteger value = NumberRange.scaled(whole(), fraction);
        return range.contains(isNegative() ? value.negate() : value);
    }

    /** Fewest bytes until the number may end. */
    int bytesLeft() {
        if (text.isEmpty() || text.equals("-")) {
            return 1 + bytesLeftAfterOne();
        }
        if (isComplete()) {
            return 0;
        }
        int best = Utterance.NO_END;
        int more = 0;
        for (NumberRange.Span span : range.spans(whole(), hasDot(), fraction())) {
            int least = hasDot() ? Math.max(1, fraction().length()) : text.equals("-0") ? 1 : 0;
            int digits = range.fractionDigits(isNegative(), span, least);
            if (digits >= 0) {
                best = Math.min(best, hasDot() ? digits - fraction().length() : more + (digits > 0 ? digits + 1 : 0));
            }
            more++;
        }
        return best;
    }

    private int bytesLeftAfterOne() {
        int best = Utterance.NO_END;
        for (char letter : "-0123456789".substring(text.length()).toCharArray()) {
            NumberPrefix next = new NumberPrefix(range, text + letter);
            if (next.isReachable()) {
                best = Math.min(best, next.bytesLeft());
            }
        }
        return best;
    }

    /** Whether some allowed number begins with the text. */
    private boolean isReachable() {
        String whole = whole();
        String fraction = fraction();
        boolean wrong = (whole.isEmpty() && hasDot()) || !isDigits(whole) || !isDigits(fraction)
                || whole.length() > NumberRange.DIGITS || (whole.length() > 1 && whole.charAt(0) == '0')
                || (text.equals("-0") && range.integer());
        if (wrong || fraction.length() > range.places(whole.length())
                || (hasDot() && range.places(whole.length()) == 0)) {
            return false;
        }
        for (NumberRange.Span span : range.spans(whole, hasDot(), fraction)) {
            if (range.fractionDigits(isNegative(), span, span.places()) >= 0) {
                return true;
            }
        }
        return false;
    }

    private boolean isNegative() {
        return !text.isEmpty() && text.charAt(0) == '-';
    }

    private boolean hasDot() {
        return text.indexOf('.') >= 0;
    }

    private String whole() {
        String unsigned = text.substring(isNegative() ? 1 : 0);
        return hasDot() ? unsigned.substring(0, unsigned.indexOf('.')) : unsigned;
    }

    private String fraction() {
        return hasDot() ? text.substring(text.indexOf('.') + 1) : "";
    }

    private static boolean isDigits(String text) {
        for (int index = 0; index < text.length(); index++) {
            if (text.charAt(index) < '0' || text.charAt(index) > '9') {
                return false;
            }
        }
        return true;
    }

    /** Without bounds the digits make no difference, but zeros at certain places: fewer states. */
    private static String shape(String text) {
        StringBuilder shape = new StringBuilder(text);
        int dot = text.indexOf('.');
        int end = dot < 0 ? text.length() : dot;
        String whole = text.substring(0, end);
        boolean zero = whole.equals("0") || whole.equals("-0");
        for (int index = 0; index < text.length(); index++) {
            boolean last = index == text.length() - 1;
            boolean keeps = text.charAt(index) == '0' && (index < end ? zero : last);
            if (text.charAt(index) >= '0' && text.charAt(index) <= '9' && !keeps) {
                shape.setCharAt(index, '1');
            }
        }
        return shape.toString();
    }
}
