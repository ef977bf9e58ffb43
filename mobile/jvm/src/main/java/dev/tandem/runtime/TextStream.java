package dev.tandem.runtime;

import java.io.ByteArrayOutputStream;

/**
 * Text as ids come: bytes of a character that is not complete yet are held back.
 *
 * <p>Text is held while it ends with U+FFFD. A broken sequence therefore comes out with the token after it.
 */
public final class TextStream {
    private final Tokenizer tokenizer;
    private final ByteArrayOutputStream held = new ByteArrayOutputStream();

    public TextStream(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /** The text that one more id completes; "" where it is held back. */
    public String next(int id) {
        byte[] bytes = tokenizer.bytes(id);
        held.write(bytes, 0, bytes.length);
        String piece = Utf8.decode(held.toByteArray());
        if (piece.isEmpty() || piece.charAt(piece.length() - 1) == Utf8.REPLACEMENT) {
            return "";
        }
        held.reset();
        return piece;
    }

    /** What is left at the end of the answer. */
    public String rest() {
        String piece = Utf8.decode(held.toByteArray());
        held.reset();
        return piece;
    }
}
