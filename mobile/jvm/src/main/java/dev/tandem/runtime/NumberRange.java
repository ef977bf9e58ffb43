package dev.tandem.runtime;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/**
 * Which numbers are allowed. Bounds are in units of 10^-9 and allowed themselves; null: no bound.
 *
 * <p>Whole numbers of at most 15 digits are exact in a double, whatever parses the call; with nine digits behind the
 * point they are above 64 bits here, hence BigInteger.
 */
record NumberRange(boolean integer, BigInteger low, BigInteger high) {
    static final int INTEGER_DIGITS = 15;
    static final int FRACTION_DIGITS = 9;
    static final BigInteger SCALE = BigInteger.TEN.pow(FRACTION_DIGITS);

    /** A closed range of numbers without their sign. */
    record Span(BigInteger start, BigInteger stop) {}

    boolean isOpen() {
        return low == null && high == null;
    }

    boolean contains(BigInteger value) {
        return (low == null || low.compareTo(value) <= 0) && (high == null || value.compareTo(high) <= 0);
    }

    /** The ranges of the numbers that begin with these digits. */
    List<Span> spans(String whole, boolean dot, String fraction) {
        List<Span> spans = new ArrayList<>();
        BigInteger rest = integer ? BigInteger.ZERO : SCALE.subtract(BigInteger.ONE);
        if (dot) {
            BigInteger start = scaled(whole, fraction);
            BigInteger stop = start.add(BigInteger.TEN.pow(FRACTION_DIGITS - fraction.length())).subtract(
                    BigInteger.ONE);
            // After "1.50" a further digit must come, and it is not 0 all the way.
            boolean open = fraction.length() > 1 && fraction.endsWith("0");
            spans.add(new Span(open ? start.add(BigInteger.ONE) : start, stop));
        } else if (whole.equals("0")) {
            spans.add(new Span(BigInteger.ZERO, rest));
        } else if (whole.isEmpty()) { // after "-"; there is no -0
            BigInteger most = BigInteger.TEN.pow(INTEGER_DIGITS).multiply(SCALE).subtract(BigInteger.ONE);
            spans.add(new Span(integer ? SCALE : BigInteger.ZERO, most));
        } else {
            BigInteger value = new BigInteger(whole);
            for (int more = 0; more <= INTEGER_DIGITS - whole.length(); more++) {
                BigInteger power = BigInteger.TEN.pow(more);
                BigInteger last = value.add(BigInteger.ONE).multiply(power).subtract(BigInteger.ONE);
                spans.add(new Span(value.multiply(power).multiply(SCALE), last.multiply(SCALE).add(rest)));
            }
        }
        return spans;
    }

    /** Whether an allowed number lies in a span. */
    boolean overlaps(boolean negative, Span span) {
        if (negative && integer && span.stop().signum() == 0) {
            return false;
        }
        BigInteger start = negative ? span.stop().negate() : span.start();
        BigInteger stop = negative ? span.start().negate() : span.stop();
        if (start.compareTo(stop) > 0) {
            return false;
        }
        if (integer) { // the next whole number inside the bounds
            start = low == null ? start : start.max(ceiling(low, SCALE));
            return start.compareTo(stop) <= 0 && (high == null || start.compareTo(high) <= 0);
        }
        return (low == null || stop.compareTo(low) >= 0) && (high == null || start.compareTo(high) <= 0);
    }

    /** Fewest digits after the point of an allowed number in a span; -1 where there is no such number. */
    int fractionDigits(boolean negative, Span span, int least) {
        BigInteger start = negative ? span.stop().negate() : span.start();
        BigInteger stop = negative ? span.start().negate() : span.stop();
        start = low == null ? start : start.max(low);
        stop = high == null ? stop : stop.min(high);
        for (int digits = least; digits <= (integer ? 0 : FRACTION_DIGITS); digits++) {
            if (ceiling(start, BigInteger.TEN.pow(FRACTION_DIGITS - digits)).compareTo(stop) <= 0) {
                return digits;
            }
        }
        return -1;
    }

    static BigInteger scaled(String whole, String fraction) {
        StringBuilder digits = new StringBuilder(whole).append(fraction);
        for (int count = fraction.length(); count < FRACTION_DIGITS; count++) {
            digits.append('0');
        }
        return new BigInteger(digits.toString());
    }

    /** The smallest multiple of {@code unit} that is not below {@code value}. */
    static BigInteger ceiling(BigInteger value, BigInteger unit) {
        BigInteger[] parts = value.divideAndRemainder(unit);
        return (parts[1].signum() > 0 ? parts[0].add(BigInteger.ONE) : parts[0]).multiply(unit);
    }
}
