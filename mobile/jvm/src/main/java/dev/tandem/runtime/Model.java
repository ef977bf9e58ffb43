package dev.tandem.runtime;

import java.util.Arrays;

/** A decoder with a KV cache over a {@link Runner}. One conversation at a time; not thread-safe. */
public final class Model {
    /** Added to attention scores; finite, so that a row of padding stays a number, and fits float16. */
    public static final float MASKED = -45824f;

    public final int window;
    public final int vocabSize;
    public final int verifySize;
    private final Runner runner;
    private final float[] mask;
    private int position;
    private int conversations;

    public Model(Runner runner) {
        this.runner = runner;
        this.window = runner.window();
        this.vocabSize = runner.vocabSize();
        this.verifySize = runner.verifySize();
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
        float[] logits = after(id);
        keep();
        return logits;
    }

    /** Logits [V] after one id, which does not count as read before {@link #keep}. */
    float[] after(int id) {
        checkIds(id);
        if (position >= window) {
            throw new ContextFullException(
                    "The window of " + window + " tokens is full. Start over, or export with a larger window.");
        }
        mask[position] = 0; // a token sees itself
        return runner.decode(id, position, mask);
    }

    /**
     * Logits [n][V] after each of n ids, by one call; none of them counts as read before {@link #keep}.
     *
     * @param ids at most verifySize, which has to fit into the window as a whole; else ContextFullException
     */
    public float[][] verify(int[] ids) {
        checkIds(ids);
        if (ids.length == 0 || ids.length > verifySize || position + verifySize > window) {
            throw new ContextFullException(ids.length + " tokens cannot be verified at position " + position
                    + ": a call takes " + verifySize + ", and the window holds " + window + ".");
        }
        Call call = call(ids, verifySize, position);
        float[] rows = runner.verify(call.tokens, call.positions, call.mask);
        float[][] logits = new float[ids.length][];
        for (int row = 0; row < ids.length; row++) {
            logits[row] = Arrays.copyOfRange(rows, row * vocabSize, (row + 1) * vocabSize);
        }
        return logits;
    }

    /** Counts the next token as read: its row is in the cache since {@link #after} or {@link #verify}. */
    public void keep() {
        mask[position] = 0;
        position++;
    }

    /** How many draft tokens a call can take beside a token when {@code left} are wanted; 0: one token per call. */
    int draftable(int left) {
        return position + verifySize <= window ? Math.max(0, Math.min(verifySize, left) - 1) : 0;
    }

    private void prefill(int[] ids, PrefillPlan.Chunk chunk) {
        int[] part = Arrays.copyOfRange(ids, chunk.start(), chunk.start() + chunk.count());
        Call call = call(part, chunk.bucket(), chunk.position());
        runner.prefill(chunk.bucket(), call.tokens, call.positions, call.mask);
        position += chunk.count();
        Arrays.fill(mask, 0, position, 0);
    }

    /** The inputs of a call of {@code size} tokens from {@code start} on; ids are padded with zeros. */
    private Call call(int[] ids, int size, int start) {
        int[] positions = new int[size];
        float[] rows = new float[size * window];
        Arrays.fill(rows, MASKED);
        for (int row = 0; row < size; row++) {
            positions[row] = start + row;
            Arrays.fill(rows, row * window, row * window + positions[row] + 1, 0);
        }
        return new Call(Arrays.copyOf(ids, size), positions, rows);
    }

    private record Call(int[] tokens, int[] positions, float[] mask) {}

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
