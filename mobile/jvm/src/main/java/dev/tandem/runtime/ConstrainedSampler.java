package dev.tandem.runtime;

import java.util.Arrays;
import java.util.BitSet;

/**
 * Chooses among the legal tokens, by the sampler it is given.
 *
 * <p>The rule of the room (docstring of mobile/runtime/constraint.py): with {@code room} tokens left, stop id included,
 * a token is taken only if left(state after it) + 2 is at most {@code room}, so that the call is whole at the end of
 * the budget. Where no token keeps the rule, one of those nearest to an end is taken.
 */
public final class ConstrainedSampler implements TokenChoice {
    private final CallConstraint constraint;
    private final Sampler choose;
    private CallState state;
    private int room;
    private int refused;

    ConstrainedSampler(CallConstraint constraint, Sampler choose, CallState state, int maxNewTokens) {
        this.constraint = constraint;
        this.choose = choose;
        this.state = state;
        this.room = maxNewTokens;
    }

    /** How often the model's own choice was not taken. */
    public int refused() {
        return refused;
    }

    @Override
    public int choose(float[] logits) {
        if (state.complete) {
            return constraint.stopId(); // nothing else is legal: there is nothing to choose
        }
        int id = choose.choose(logits);
        if (!fits(constraint.after(state, id))) {
            refused++;
            id = legalChoice(logits);
        }
        room--;
        state = constraint.after(state, id);
        return id;
    }

    CallState state() {
        return state;
    }

    private boolean fits(CallState after) {
        return after != CallState.NONE && constraint.left(after) + 2 <= room;
    }

    private int legalChoice(float[] logits) {
        BitSet legal = constraint.legal(state);
        if (legal.isEmpty()) {
            throw new ModelException(
                    "No token of the vocabulary continues the call: the tokenizer lacks single bytes.");
        }
        int id = choose.choose(only(legal, logits));
        return fits(constraint.after(state, id)) ? id : choose.choose(only(fitting(legal), logits));
    }

    /** The legal tokens that leave room, or those that come nearest to it. */
    private BitSet fitting(BitSet legal) {
        long least = Long.MAX_VALUE;
        for (int id = legal.nextSetBit(0); id >= 0; id = legal.nextSetBit(id + 1)) {
            least = Math.min(least, constraint.left(constraint.after(state, id)));
        }
        BitSet fitting = new BitSet();
        for (int id = legal.nextSetBit(0); id >= 0; id = legal.nextSetBit(id + 1)) {
            if (constraint.left(constraint.after(state, id)) <= Math.max(room - 2, least)) {
                fitting.set(id);
            }
        }
        return fitting;
    }

    private static float[] only(BitSet ids, float[] logits) {
        float[] masked = new float[logits.length];
        Arrays.fill(masked, Float.NEGATIVE_INFINITY);
        for (int id = ids.nextSetBit(0); id >= 0; id = ids.nextSetBit(id + 1)) {
            masked[id] = logits[id];
        }
        return masked;
    }
}
