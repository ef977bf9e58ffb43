package dev.tandem.runtime;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;

/**
 * How a prompt is cut into prefill calls of fixed sizes.
 *
 * <p>A call always writes its whole bucket into the cache, padding included, and the write clamps silently where
 * position + bucket is above the window: later rows would land on earlier ones. So no chunk of a plan ever reaches
 * over the window; near its end a plan falls back to single tokens.
 */
public final class PrefillPlan {
    /** Costs in tokens of prefill; the values of mobile/runtime/plan.py, so that every language makes the same calls. */
    static final int CALL_COST = 20;
    static final int DECODE_COST = 8;

    private PrefillPlan() {}

    /** {@code count} tokens from {@code start} on, written at {@code position} by a call of {@code bucket} tokens. */
    public record Chunk(int start, int count, int position, int bucket) {}

    /**
     * The cheapest chunks for {@code count} tokens when {@code position} tokens are in the cache already.
     *
     * <p>A bucket of 1 (the decode signature) is always allowed, and of equal costs the larger bucket is taken.
     * ContextFullException where the tokens do not fit into the window.
     */
    public static List<Chunk> of(int count, int position, int[] buckets, int window) {
        if (position + count > window) {
            throw new ContextFullException(count + " more tokens do not fit: the window holds " + window + " and "
                    + position + " are in use. Start over, or send a shorter text.");
        }
        int[] sizes = sizes(buckets);
        int[] cost = new int[count + 1]; // cost[done]: of the rest once `done` tokens are read
        int[] choice = new int[count + 1];
        for (int done = count - 1; done >= 0; done--) {
            cost[done] = Integer.MAX_VALUE;
            for (int size : sizes) {
                int total = callCost(size) + cost[Math.min(done + size, count)];
                if (position + done + size <= window && total <= cost[done]) {
                    cost[done] = total;
                    choice[done] = size;
                }
            }
        }
        List<Chunk> chunks = new ArrayList<>();
        for (int done = 0; done < count; done += choice[done]) {
            chunks.add(new Chunk(done, Math.min(choice[done], count - done), position + done, choice[done]));
        }
        return chunks;
    }

    private static int[] sizes(int[] buckets) {
        TreeSet<Integer> sizes = new TreeSet<>(Arrays.asList(1));
        for (int bucket : buckets) {
            sizes.add(bucket);
        }
        int[] sorted = new int[sizes.size()];
        int at = 0;
        for (int size : sizes) {
            sorted[at++] = size;
        }
        return sorted;
    }

    private static int callCost(int bucket) {
        return bucket > 1 ? CALL_COST + bucket : DECODE_COST;
    }
}
