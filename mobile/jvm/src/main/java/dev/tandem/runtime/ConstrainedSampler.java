package dev.tandem.runtime;

import java.util.Arrays;
import java.util.BitSet;

/**
 * Chooses among the legal tokens, by the sampler it is given.
 *
 * <p>The rule of the room (docstring of mobile/runtime/constraint.py): with {@code room} tokens left, stop id included,
 * a token is taken only if left(state after it) + 2 is at most {@code room}, so that the call is whole at the end of
 * the budget. Where no token keeps the rule, one of those nearest to an end is taken. A call that the rule changed is
 * not the one that was meant: the sampler is {@code squeezed} from then on.
 */
public final class ConstrainedSampler implements TokenChoice {
    private final CallConstraint constraint;
    private final Sampler choose;
    private CallState state;
    private int room;
    private int refused;
    private boolean squeezed;

    ConstrainedSampler(CallConstraint constraint, Sampler choose, CallState state, int maxNewTokens) {
        this.constraint = constraint;
        this.choose = choose;
        this.state = state;
        this.room = maxNewTokens;
    }

    /** How often the model's own choice was not legal, or left no room. */
    public int refused() {
        return refused;
    }

    /** Whether a legal choice was not taken for lack of room: the call is not the one that was meant. */
    public boolean squeezed() {
        return squeezed;
    }

    @Override
    public int choose(float[] logits) {
        if (state.complete) {
            return constraint.stopId(); // nothing else is legal: there is nothing to choose
        }
        int id = choose.choose(logits);
        if (!fits(constraint.after(state, id))) {
            refused++;
            id = replacement(logits, id);
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

    /** What is taken instead of the model's own choice. */
    private int replacement(float[] logits, int own) {
        BitSet legal = constraint.legal(state);
        if (legal.isEmpty()) {
            throw new ModelException(
                    "No token of the vocabulary continues the call: the tokenizer lacks single bytes.");
        }
        int first = choose.choose(only(legal, logits));
        int id = fits(constraint.after(state, first)) ? first : choose.choose(only(fitting(legal), logits));
        int meant = constraint.after(state, own) == CallState.NONE ? first : own; // its own, where that is legal
        squeezed |= id != meant;
        return id;
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
