package dev.tandem.runtime;

import java.util.ArrayList;
import java.util.List;

/**
 * A runner without a model: proposes given ids one after the other, and records what it
 * was asked to write where.
 */
final class FakeRunner implements Runner {
    final List<Integer> written = new ArrayList<>();
    private final int window;
    private final int vocabSize;
    private final int[] buckets;
    private final int[] proposed;
    private int answered;

    FakeRunner(int window, int vocabSize, int[] buckets, int... proposed) {
        this.window = window;
        this.vocabSize = vocabSize;
        this.buckets = buckets;
        this.proposed = proposed;
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
        answered = 0;
    }

    @Override
    public void prefill(int bucket, int[] tokens, int[] positions, float[] mask) {
        Vectors.check("tokens", bucket, tokens.length);
        Vectors.check("mask", bucket * window, mask.length);
        if (positions[bucket - 1] >= window) {
            throw new AssertionError("the bucket reaches over the window");
        }
        checkMask(positions, mask);
        while (written.size() > positions[0]) {
            written.remove(written.size() - 1); // padding of the call before
        }
        Vectors.check("position", written.size(), positions[0]);
        for (int token : tokens) {
            written.add(token);
        }
    }

    @Override
    public float[] decode(int token, int position, float[] mask) {
        checkMask(new int[] {position}, mask);
        while (written.size() > position) {
            written.remove(written.size() - 1);
        }
        Vectors.check("position", written.size(), position);
        written.add(token);
        float[] logits = new float[vocabSize];
        boolean follows = proposed.length > 0 && token == proposed[Math.min(answered, proposed.length - 1)];
        answered = follows ? answered + 1 : 0; // a prompt's last tokens may come through decode, too
        if (proposed.length > 0) { // else all are zero: a runtime that does not know the file's operators
            logits[proposed[Math.min(answered, proposed.length - 1)]] = 1;
        }
        return logits;
    }

    @Override
    public void close() {}

    private void checkMask(int[] positions, float[] mask) {
        for (int row = 0; row < positions.length; row++) {
            for (int column = 0; column < window; column++) {
                float expected = column <= positions[row] ? 0 : Model.MASKED;
                Vectors.check("mask " + row + ", " + column, expected, mask[row * window + column]);
            }
        }
    }
}
