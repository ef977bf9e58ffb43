package dev.tandem.runtime;

import java.util.Arrays;

/**
 * Inside a JSON string, after its opening quote: valid UTF-8, and only the one spelling of each character that the
 * training rows use. {@code least}: characters still needed, {@code most}: still allowed, or {@link #ANY}.
 */
record StringBody(int phase, int least, int most) implements Frame {
    static final int ANY = -1;
    static final StringBody CLOSED = new StringBody(-1, 0, ANY);

    /** Fewest bytes from a phase to phase 0. */
    private static final int[] BYTES_TO_BASE = {0, 1, 2, 3, 2, 2, 3, 3, 1, 4, 3, 2, 1, 1};

    /**
     * [phase][byte]: next phase, or -1. 0: between characters; 1 to 3: so many continuation bytes to come; 4 to 7:
     * after E0, ED, F0, F4, whose next byte is limited (Unicode standard, table 3-7); 8: after a backslash; 9 to 13:
     * in an escape of four hexadecimal digits, which only controls without a short one need.
     */
    private static final byte[][] PHASES = phases();

    /** The next state, {@link #CLOSED} after the closing quote, or null where the byte is not allowed. */
    StringBody step(int value) {
        if (phase == 0 && value == '"') {
            return least > 0 ? null : CLOSED;
        }
        int next = PHASES[phase][value];
        if (next < 0 || (phase == 0 && most == 0)) {
            return null;
        }
        return phase > 0 ? new StringBody(next, least, most)
                : new StringBody(next, Math.max(0, least - 1), most == ANY ? ANY : most - 1);
    }

    /** Whether the string may be any text at all. */
    boolean isFree() {
        return least == 0 && most == ANY;
    }

    /** Fewest bytes to the end, closing quote included. */
    int bytesLeft() {
        return BYTES_TO_BASE[phase] + least + 1;
    }

    private static byte[][] phases() {
        byte[][] table = new byte[14][256];
        for (byte[] row : table) {
            Arrays.fill(row, (byte) -1);
        }
        fill(table[0], 0x20, 0x7F, 0);
        table[0]['"'] = -1;
        table[0]['\\'] = 8;
        fill(table[0], 0xC2, 0xDF, 1);
        fill(table[0], 0xE0, 0xEF, 2);
        fill(table[0], 0xF0, 0xF3, 3);
        table[0][0xE0] = 4;
        table[0][0xED] = 5;
        table[0][0xF0] = 6;
        table[0][0xF4] = 7;
        fill(table[1], 0x80, 0xBF, 0);
        fill(table[2], 0x80, 0xBF, 1);
        fill(table[3], 0x80, 0xBF, 2);
        fill(table[4], 0xA0, 0xBF, 1);
        fill(table[5], 0x80, 0x9F, 1);
        fill(table[6], 0x90, 0xBF, 2);
        fill(table[7], 0x80, 0x8F, 2);
        fill(table[8], "\"\\bfnrt", 0);
        fill(table[8], "u", 9);
        fill(table[9], "0", 10);
        fill(table[10], "0", 11);
        fill(table[11], "0", 12);
        fill(table[11], "1", 13);
        fill(table[12], "01234567bef", 0);
        fill(table[13], "0123456789abcdef", 0);
        return table;
    }

    private static void fill(byte[] row, int first, int last, int phase) {
        Arrays.fill(row, first, last + 1, (byte) phase);
    }

    private static void fill(byte[] row, String letters, int phase) {
        for (int index = 0; index < letters.length(); index++) {
            row[letters.charAt(index)] = (byte) phase;
        }
    }
}
