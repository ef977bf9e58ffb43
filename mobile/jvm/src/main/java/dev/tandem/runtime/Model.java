package dev.tandem.runtime;

import java.util.Arrays;

/** A decoder with a KV cache: prefill and decode over a {@link Runner}. One conversation at a time; not thread-safe. */
public final class Model {
    /** Added to attention scores; finite, so that a row of padding stays a number, and fits float16. */
    public static final float MASKED = -45824f;

    public final int window;
    public final int vocabSize;
    private final Runner runner;
    private final float[] mask;
    private int position;
    private int conversations;

    public Model(Runner runner) {
        this.runner = runner;
        this.window = runner.window();
        this.vocabSize = runner.vocabSize();
        this.mask = new float[window];
        reset();
    }

    /** How many tokens are in the cache. */
    public int position() {
        return position;
    }

    /** How often the cache was emptied. */
    int conversations() {
        return conversations;
    }

    /** Forgets everything read so far. */
    public void reset() {
        position = 0;
        conversations++;
        Arrays.fill(mask, MASKED);
        runner.clear();
    }

    /** Reads the ids into the cache; ContextFullException, before anything is written, where they do not fit. */
    public void prefill(int[] ids) {
        checkIds(ids);
        for (PrefillPlan.Chunk chunk : PrefillPlan.of(ids.length, position, runner.buckets(), window)) {
            if (isBucket(chunk.bucket())) {
                prefill(ids, chunk);
            } else {
                decode(ids[chunk.start()]);
            }
        }
    }

    /** Reads one id; logits [V] for the next. */
    public float[] decode(int id) {
        checkIds(id);
        if (position >= window) {
            throw new ContextFullException(
                    "The window of " + window + " tokens is full. Start over, or export with a larger window.");
        }
        mask[position] = 0; // a token sees itself
        float[] logits = runner.decode(id, position, mask);
        position++;
        return logits;
    }

    private void prefill(int[] ids, PrefillPlan.Chunk chunk) {
        int bucket = chunk.bucket();
        int[] tokens = new int[bucket];
        System.arraycopy(ids, chunk.start(), tokens, 0, chunk.count());
        int[] positions = new int[bucket];
        float[] rows = new float[bucket * window];
        Arrays.fill(rows, MASKED);
        for (int row = 0; row < bucket; row++) {
            positions[row] = chunk.position() + row;
            Arrays.fill(rows, row * window, row * window + positions[row] + 1, 0);
        }
        runner.prefill(bucket, tokens, positions, rows);
        position += chunk.count();
        Arrays.fill(mask, 0, position, 0);
    }

    private boolean isBucket(int size) {
        for (int bucket : runner.buckets()) {
            if (bucket == size) {
                return true;
            }
        }
        return false;
    }

    private void checkIds(int... ids) {
        for (int id : ids) {
            if (id < 0 || id >= vocabSize) {
                throw new PromptException("Token id " + id + " is outside the model's vocabulary of " + vocabSize
                        + ": the tokenizer is of another model.");
            }
        }
    }
}
