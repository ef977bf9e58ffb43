package dev.tandem.runtime;

import java.util.Arrays;
import java.util.BitSet;

/** Inside a string whose value is cut from the utterance: where in the utterance the next byte may be. */
final class Excerpt implements Frame {
    /** Nothing read yet. */
    static final Excerpt START = new Excerpt(null);

    /** After the closing quote. */
    static final Excerpt CLOSED = new Excerpt(new int[0]);

    private final int[] positions;

    private Excerpt(int[] positions) {
        this.positions = positions;
    }

    boolean isStart() {
        return positions == null;
    }

    /** The offsets where the next byte may be. */
    int[] positions(Utterance utterance) {
        return positions == null ? utterance.starts : positions;
    }

    /** The next state, {@link #CLOSED} after the closing quote, or null where the byte is not allowed. */
    Excerpt step(int value, Utterance utterance) {
        if (value == '"' && !isStart()) { // a quote of the utterance itself is escaped, so it begins with a backslash
            for (int at : positions) {
                if (utterance.isEnd(at)) {
                    return CLOSED;
                }
            }
        }
        Ids following = new Ids();
        for (int at : positions(utterance)) {
            if (at < utterance.data.length && (utterance.data[at] & 0xFF) == value) {
                following.add(at + 1);
            }
        }
        return following.size() == 0 ? null : new Excerpt(following.toArray());
    }

    /** Sets the bytes that {@link #step} might take. */
    void options(Utterance utterance, BitSet found) {
        found.set('"');
        for (int at : positions(utterance)) {
            if (at < utterance.data.length) {
                found.set(utterance.data[at] & 0xFF);
            }
        }
    }

    @Override
    public boolean equals(Object object) {
        return object instanceof Excerpt other && Arrays.equals(positions, other.positions);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(positions);
    }
}
