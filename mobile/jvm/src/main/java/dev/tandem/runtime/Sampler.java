package dev.tandem.runtime;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleSupplier;

/**
 * The choice of the next token: greedy, or random within a temperature, top-k and top-p.
 *
 * <p>A random choice is the inverse of the distribution function at one uniform number, so that every language chooses
 * the same id from the same number.
 */
public final class Sampler implements TokenChoice {
    /** The most likely token, always. */
    public static final Sampler GREEDY = new Sampler(0, 0, 1, () -> 0);

    /** Below it the choice is greedy: a logit divided by less may be no number any more. */
    private static final double COLDEST = 1e-6;

    private final double temperature;
    private final int topK;
    private final double topP;
    private final DoubleSupplier uniform;

    /**
     * @param temperature below 1e-6 greedy; above, logits are divided by it
     * @param topK only the k most likely tokens may be chosen; 0: no limit
     * @param topP of these, the smallest set whose probability reaches p; 1: no limit
     * @param uniform gives a number in [0, 1) for each token
     */
    public Sampler(double temperature, int topK, double topP, DoubleSupplier uniform) {
        if (!(temperature >= 0 && temperature < Double.POSITIVE_INFINITY) || topK < 0 || !(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException("temperature " + temperature
                    + " must be a finite number of 0 or more, topK " + topK + " 0 or more, topP " + topP
                    + " in (0, 1]");
        }
        this.temperature = temperature >= COLDEST ? temperature : 0;
        this.topK = topK;
        this.topP = topP;
        this.uniform = uniform;
    }

    /** A sampler with random numbers of its own; the same seed gives the same ids on every JVM. */
    public static Sampler seeded(double temperature, int topK, double topP, long seed) {
        return new Sampler(temperature, topK, topP, new Random(seed)::nextDouble);
    }

    @Override
    public int choose(float[] logits) {
        return temperature == 0 ? largest(logits) : draw(logits, uniform.getAsDouble());
    }

    private static int largest(float[] logits) {
        int best = 0;
        for (int id = 1; id < logits.length; id++) {
            if (logits[id] > logits[best]) {
                best = id;
            }
        }
        return best;
    }

    private int draw(float[] logits, double u) {
        List<Integer> order = new ArrayList<>(logits.length);
        for (int id = 0; id < logits.length; id++) {
            order.add(id);
        }
        // A stable sort: equal ones stay in the order of their ids. (Float.compare would part 0 from -0.)
        order.sort((a, b) -> logits[b] > logits[a] ? 1 : logits[b] < logits[a] ? -1 : 0);
        int count = topK == 0 ? logits.length : Math.min(topK, logits.length);
        double[] weights = new double[count];
        double total = 0;
        for (int rank = 0; rank < count; rank++) {
            weights[rank] = Math.exp((logits[order.get(rank)] - (double) logits[order.get(0)]) / temperature);
            total += weights[rank];
        }
        int kept = 0;
        double mass = 0;
        while (kept < count && mass / total < topP) { // the one that reaches p is the last
            mass += weights[kept++];
        }
        double running = 0;
        int chosen = -1;
        while (chosen < kept - 1 && running <= u * mass) {
            running += weights[++chosen];
        }
        return order.get(chosen);
    }
}
