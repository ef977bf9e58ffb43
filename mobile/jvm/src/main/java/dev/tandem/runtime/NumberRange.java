package dev.tandem.runtime;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Which numbers are allowed. Bounds are in units of 10^-9 and allowed themselves; null: no bound.
 *
 * <p>Of at most 15 digits no two numbers are the same double, whatever parses the call; at most nine of them stand
 * behind the point. In units of 10^-9 they are above 64 bits, hence BigInteger.
 */
record NumberRange(boolean integer, BigInteger low, BigInteger high) {
    static final int DIGITS = 15;
    static final int FRACTION_DIGITS = 9;
    static final BigInteger SCALE = BigInteger.TEN.pow(FRACTION_DIGITS);

    /** A closed range, without the sign, of numbers with at most so many digits after the point. */
    record Span(BigInteger start, BigInteger stop, int places) {}

    boolean isOpen() {
        return low == null && high == null;
    }

    boolean contains(BigInteger value) {
        return (low == null || low.compareTo(value) <= 0) && (high == null || value.compareTo(high) <= 0);
    }

    /** Most digits after the point of a number with so many before it; a 0 there counts, too. */
    int places(int length) {
        return integer ? 0 : Math.min(FRACTION_DIGITS, DIGITS - length);
    }

    /** The numbers that begin with these digits, by the length of their whole part. */
    List<Span> spans(String whole, boolean dot, String fraction) {
        if (dot) {
            BigInteger unit = unit(places(whole.length()));
            BigInteger start = scaled(whole, fraction);
            BigInteger stop = start.add(unit(fraction.length())).subtract(unit);
            // After "1.50" a further digit must come, and it is not 0 all the way.
            boolean open = fraction.length() > 1 && fraction.endsWith("0");
            return Collections.singletonList(
                    new Span(open ? start.add(unit) : start, stop, places(whole.length())));
        }
        List<Span> spans = new ArrayList<>();
        int least = Math.max(1, whole.length());
        for (int length = least; length <= (whole.equals("0") ? 1 : DIGITS); length++) {
            BigInteger power = BigInteger.TEN.pow(length - whole.length());
            BigInteger first = power.divide(BigInteger.TEN);
            BigInteger end = power;
            if (!whole.isEmpty()) {
                first = new BigInteger(whole).multiply(power);
                end = first.add(power);
            } else if (length == 1) { // after "-"; there is no -0
                first = integer ? BigInteger.ONE : BigInteger.ZERO;
            }
            int places = places(length);
            spans.add(new Span(first.multiply(SCALE), end.multiply(SCALE).subtract(unit(places)), places));
        }
        return spans;
    }

    /** The step between numbers of so many digits after the point. */
    private static BigInteger unit(int places) {
        return BigInteger.TEN.pow(FRACTION_DIGITS - places);
    }

    /** Fewest digits after the point of an allowed number in a span; -1 where there is no such number. */
    int fractionDigits(boolean negative, Span span, int least) {
        BigInteger start = negative ? span.stop().negate() : span.start();
        BigInteger stop = negative ? span.start().negate() : span.stop();
        start = low == null ? start : start.max(low);
        stop = high == null ? stop : stop.min(high);
        for (int digits = least; digits <= span.places(); digits++) {
            if (ceiling(start, unit(digits)).compareTo(stop) <= 0) {
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
