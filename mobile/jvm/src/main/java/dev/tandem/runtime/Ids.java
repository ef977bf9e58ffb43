package dev.tandem.runtime;

import java.util.Arrays;

/** A list of token ids that grows. */
public final class Ids {
    private int[] values = new int[64];
    private int count;

    public int size() {
        return count;
    }

    public void add(int id) {
        if (count == values.length) {
            values = Arrays.copyOf(values, 2 * count);
        }
        values[count++] = id;
    }

    public void addAll(int[] ids) {
        for (int id : ids) {
            add(id);
        }
    }

    /** A copy of the ids. */
    public int[] toArray() {
        return Arrays.copyOf(values, count);
    }
}
