package dev.tandem.runtime;

/** One loaded .tflite file with its KV caches: the seam to LiteRT on a phone, and to a fake in tests. */
public interface Runner extends AutoCloseable {
    /** Tokens that the caches hold. */
    int window();

    /** Width of the logits. */
    int vocabSize();

    /** Sizes of the prefill signatures. */
    int[] buckets();

    /** Sets the caches to zero: old rows are masked out, but 0 times a NaN left in them would still be NaN. */
    void clear();

    /**
     * Writes a bucket's rows into the caches. Rows of padding may be written too: they are finite, and masked until a
     * real row replaces them.
     *
     * @param tokens [bucket]
     * @param positions [bucket], counting on without a gap
     * @param mask [bucket · window], row by row: 0 where the column may be seen, {@link Model#MASKED} elsewhere
     */
    void prefill(int bucket, int[] tokens, int[] positions, float[] mask);

    /** Writes one row; logits [V], the caller's own. {@code mask}: [window]. */
    float[] decode(int token, int position, float[] mask);

    /** Tokens of the verify signature; 0 without one: answers then take one token per call. */
    default int verifySize() {
        return 0;
    }

    /**
     * As {@link #prefill}, for {@link #verifySize} tokens; logits [verifySize · V], row by row, the caller's own.
     * Called only where verifySize is above 0.
     */
    default float[] verify(int[] tokens, int[] positions, float[] mask) {
        throw new UnsupportedOperationException("This runner has no verify signature.");
    }

    @Override
    void close();
}
