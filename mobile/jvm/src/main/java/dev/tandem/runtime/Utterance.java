package dev.tandem.runtime;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The user's text as the bytes of a JSON string, with the offsets where an excerpt may begin and end.
 *
 * <p>Excerpts begin and end at word borders and not with white space. Between two letters or digits there is no
 * border, except in scripts written without spaces. What follows the last end is left out.
 */
final class Utterance {
    /** Bytes or tokens to an end that cannot be reached. */
    static final int NO_END = 1 << 30;

    final byte[] data;
    final int[] starts;
    private final BitSet ends = new BitSet();
    private final int[] untilEnd;

    Utterance(String text) {
        int[] codes = text.codePoints().toArray();
        ByteArrayOutputStream joined = new ByteArrayOutputStream();
        Ids found = new Ids();
        for (int at = 0; at < codes.length; at++) {
            boolean word = Unicode.isWordPart(codes[at]);
            boolean space = Unicode.isSpace(codes[at]);
            if (!space && !(word && at > 0 && Unicode.isWordPart(codes[at - 1]))) {
                found.add(joined.size());
            }
            byte[] piece = Utf8.encode(JsonText.escape(new String(Character.toChars(codes[at]))));
            joined.write(piece, 0, piece.length);
            if (!space && !(word && at + 1 < codes.length && Unicode.isWordPart(codes[at + 1]))) {
                ends.set(joined.size());
            }
        }
        data = Arrays.copyOf(joined.toByteArray(), Math.max(0, ends.length() - 1));
        starts = found.toArray();
        untilEnd = new int[data.length + 1];
        for (int at = data.length - 1; at >= 0; at--) {
            untilEnd[at] = ends.get(at) ? 0 : untilEnd[at + 1] + 1;
        }
    }

    boolean isEnd(int offset) {
        return ends.get(offset);
    }

    /** Bytes from an offset to the next place where an excerpt may end. */
    int untilEnd(int offset) {
        return untilEnd[offset];
    }
}
