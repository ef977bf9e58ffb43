package dev.tandem.runtime;

import java.util.HashMap;
import java.util.Map;

/**
 * Byte-level BPE writes each byte as one printable letter: those of Latin-1 that are printable stand for themselves,
 * the others are numbered from U+0100 on (Radford et al. 2019, GPT-2).
 */
final class ByteLetters {
    private static final char[] LETTERS = new char[256];
    private static final Map<Character, Byte> BYTES = new HashMap<>();

    static {
        char other = 0x100;
        for (int value = 0; value < 256; value++) {
            boolean printable = (value >= 0x21 && value <= 0x7E) || (value >= 0xA1 && value != 0xAD);
            LETTERS[value] = printable ? (char) value : other++;
            BYTES.put(LETTERS[value], (byte) value);
        }
    }

    private ByteLetters() {}

    /** The letters of some bytes. */
    static String write(byte[] bytes) {
        StringBuilder letters = new StringBuilder(bytes.length);
        for (byte value : bytes) {
            letters.append(LETTERS[value & 0xFF]);
        }
        return letters.toString();
    }

    /** The bytes that letters stand for; null where one stands for none. */
    static byte[] read(String letters) {
        byte[] bytes = new byte[letters.length()];
        for (int index = 0; index < bytes.length; index++) {
            Byte value = BYTES.get(letters.charAt(index));
            if (value == null) {
                return null;
            }
            bytes[index] = value;
        }
        return bytes;
    }
}
