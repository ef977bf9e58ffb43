package dev.tandem.runtime;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * Byte-pair merging of one word: again and again the pair of neighbours that was learned first, the leftmost of equals.
 *
 * <p>A queue of candidates over a linked list: a word of n bytes takes n log n steps, so that ten thousand letters
 * without a space stay a matter of milliseconds.
 */
final class BytePairMerges {
    private record Merge(int rank, int result) {}

    private record Candidate(int rank, int at, int left, int right, int result) {}

    private final Map<Long, Merge> merges = new HashMap<>();

    /** Later merges have higher ranks. */
    void add(int left, int right, int result) {
        merges.putIfAbsent(pair(left, right), new Merge(merges.size(), result));
    }

    /** The ids of a word whose bytes have the ids {@code symbols}. */
    int[] apply(int[] symbols) {
        int[] ids = symbols.clone();
        int[] next = new int[ids.length];
        int[] previous = new int[ids.length];
        PriorityQueue<Candidate> queue = new PriorityQueue<>(
                (a, b) -> a.rank() != b.rank() ? Integer.compare(a.rank(), b.rank()) : Integer.compare(a.at(), b.at()));
        for (int at = 0; at < ids.length; at++) {
            next[at] = at + 1;
            previous[at] = at - 1;
            offer(queue, ids, at, at + 1);
        }
        while (!queue.isEmpty()) {
            Candidate best = queue.poll();
            int left = best.at();
            int right = next[left];
            if (ids[left] != best.left() || right >= ids.length || ids[right] != best.right()) {
                continue; // one of the two was merged with another neighbour meanwhile
            }
            ids[left] = best.result();
            ids[right] = -1;
            next[left] = next[right];
            if (next[left] < ids.length) {
                previous[next[left]] = left;
            }
            offer(queue, ids, left, next[left]);
            if (previous[left] >= 0) {
                offer(queue, ids, previous[left], left);
            }
        }
        return collect(ids);
    }

    private void offer(PriorityQueue<Candidate> queue, int[] ids, int left, int right) {
        Merge merge = right < ids.length ? merges.get(pair(ids[left], ids[right])) : null;
        if (merge != null) {
            queue.add(new Candidate(merge.rank(), left, ids[left], ids[right], merge.result()));
        }
    }

    private static int[] collect(int[] ids) {
        int count = 0;
        int[] kept = new int[ids.length];
        for (int id : ids) {
            if (id >= 0) {
                kept[count++] = id;
            }
        }
        return Arrays.copyOf(kept, count);
    }

    private static long pair(int left, int right) {
        return (long) left << 32 | right;
    }
}
