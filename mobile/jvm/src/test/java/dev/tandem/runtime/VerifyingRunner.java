package dev.tandem.runtime;

import java.util.Random;

/** A fake runner with a verify signature. */
class VerifyingRunner extends FakeRunner {
    int verified; // calls of verify
    private final int size;
    private final int vocabSize;

    VerifyingRunner(int size, int window, int vocabSize, int[] buckets, int... proposed) {
        super(window, vocabSize, buckets, proposed);
        this.size = size;
        this.vocabSize = vocabSize;
    }

    /** One whose logits are noise made from all that was read: a row that is not what was read changes everything. */
    static VerifyingRunner noise(int size, int window, int vocabSize, int... buckets) {
        return new VerifyingRunner(size, window, vocabSize, buckets) {
            @Override
            float[] logits() {
                Random random = new Random(written.hashCode());
                float[] logits = new float[vocabSize];
                for (int id = 0; id < vocabSize; id++) {
                    logits[id] = (float) random.nextGaussian();
                }
                return logits;
            }
        };
    }

    @Override
    public int verifySize() {
        return size;
    }

    @Override
    public float[] verify(int[] tokens, int[] positions, float[] mask) {
        calls++;
        verified++;
        Vectors.check("tokens", size, tokens.length);
        checkCall(positions, mask);
        float[] rows = new float[size * vocabSize];
        for (int row = 0; row < size; row++) {
            write(tokens[row], positions[row]);
            System.arraycopy(logits(), 0, rows, row * vocabSize, vocabSize);
        }
        return rows;
    }
}
