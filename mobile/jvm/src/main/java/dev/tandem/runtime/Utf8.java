package dev.tandem.runtime;

import java.nio.charset.StandardCharsets;

/**
 * UTF-8 by hand where libraries differ: how many U+FFFD a broken sequence gives, and what a lone surrogate becomes.
 *
 * <p>Broken bytes are replaced by "maximal subparts" (Unicode standard, section 3.9; WHATWG Encoding): as Rust and
 * Python do, so that streamed text is the same everywhere.
 */
final class Utf8 {
    static final char REPLACEMENT = '\uFFFD';

    private Utf8() {}

    /** The bytes of a text; a lone surrogate, which has none, becomes a question mark. */
    static byte[] encode(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Whether a surrogate stands alone somewhere: then it is no Unicode text. */
    static boolean hasLoneSurrogate(String text) {
        for (int at = 0; at < text.length(); at += Character.charCount(text.codePointAt(at))) {
            int code = text.codePointAt(at);
            if (code >= Character.MIN_SURROGATE && code <= Character.MAX_SURROGATE) {
                return true;
            }
        }
        return false;
    }

    /** The text of some bytes; each broken sequence gives one U+FFFD. */
    static String decode(byte[] bytes) {
        int length = bytes.length;
        StringBuilder text = new StringBuilder(length);
        int at = 0;
        while (at < length) {
            int first = bytes[at] & 0xFF;
            int wanted = following(first);
            int code = wanted == 0 ? first : first & (0x3F >> wanted);
            int read = 1;
            while (read <= wanted && at + read < length && fits(first, read, bytes[at + read] & 0xFF)) {
                code = code << 6 | bytes[at + read] & 0x3F;
                read++;
            }
            at += read;
            text.appendCodePoint(wanted >= 0 && read == wanted + 1 ? code : REPLACEMENT);
        }
        return text.toString();
    }

    /** How many bytes follow a first one; -1 where it can be no first one. */
    private static int following(int first) {
        if (first < 0x80) {
            return 0;
        }
        if (first < 0xC2 || first > 0xF4) {
            return -1;
        }
        return first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    }

    /** The Unicode standard's table 3-7: the second byte is limited after E0, ED, F0 and F4. */
    private static boolean fits(int first, int place, int next) {
        int low = 0x80;
        int high = 0xBF;
        if (place == 1) {
            low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : low;
            high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : high;
        }
        return next >= low && next <= high;
    }
}
