package dev.tandem.runtime;

import java.util.ArrayList;
import java.util.List;

/**
 * A runner without a model: proposes given ids one after the other, and records what it
 * was asked to write where. It has no verify, as the runners of apps made before there was one.
 */
class FakeRunner implements Runner {
    final List<Integer> written = new ArrayList<>();
    int calls; // of decode and verify, of all conversations
    private final int window;
    private final int vocabSize;
    private final int[] buckets;
    private int[] proposed;

    FakeRunner(int window, int vocabSize, int[] buckets, int... proposed) {
        this.window = window;
        this.vocabSize = vocabSize;
        this.buckets = buckets;
        this.proposed = proposed;
    }

    /** Proposes these ids from the next question on. */
    void propose(int[] ids) {
        proposed = ids;
    }

    @Override
    public int window() {
        return window;
    }

    @Override
    public int vocabSize() {
        return vocabSize;
    }

    @Override
    public int[] buckets() {
        return buckets;
    }

    @Override
    public void clear() {
        written.clear();
    }

    @Override
    public void prefill(int bucket, int[] tokens, int[] positions, float[] mask) {
        Vectors.check("tokens", bucket, tokens.length);
        checkCall(positions, mask);
        for (int row = 0; row < bucket; row++) {
            write(tokens[row], positions[row]);
        }
    }

    @Override
    public float[] decode(int token, int position, float[] mask) {
        calls++;
        checkCall(new int[] {position}, mask);
        write(token, position);
        return logits();
    }

    @Override
    public void close() {}

    /** Writes a row over what an earlier call left there and behind: padding, or rejected draft tokens. */
    void write(int token, int position) {
        while (written.size() > position) {
            written.remove(written.size() - 1);
        }
        Vectors.check("position", written.size(), position);
        written.add(token);
    }

    /** Logits after the rows that are written. */
    float[] logits() {
        float[] logits = new float[vocabSize];
        int answered = 0;
        for (int token : written) {
            boolean follows = proposed.length > 0 && token == proposed[Math.min(answered, proposed.length - 1)];
            answered = follows ? answered + 1 : 0;
        }
        if (proposed.length > 0) { // else all are zero: a runtime that does not know the file's operators
            logits[proposed[Math.min(answered, proposed.length - 1)]] = 1;
        }
        return logits;
    }

    void checkCall(int[] positions, float[] mask) {
        Vectors.check("mask", positions.length * window, mask.length);
        if (positions[positions.length - 1] >= window) {
            throw new AssertionError("the call reaches over the window");
        }
        checkMask(positions, mask);
    }

    private void checkMask(int[] positions, float[] mask) {
        for (int row = 0; row < positions.length; row++) {
            for (int column = 0; column < window; column++) {
                float expected = column <= positions[row] ? 0 : Model.MASKED;
                Vectors.check("mask " + row + ", " + column, expected, mask[row * window + column]);
            }
        }
    }
}
