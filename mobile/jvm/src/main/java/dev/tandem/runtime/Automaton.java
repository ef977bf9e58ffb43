package dev.tandem.runtime;

import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * The grammar as an automaton over bytes, made deterministic only where answers go: states are kept and joined by
 * edges as they are met, so that a byte met before costs one look-up. Not thread-safe.
 *
 * <p>States at and inside an excerpt belong to the utterance: they live until the next {@link #start}. All others stay,
 * without what they learned about the utterance.
 */
final class Automaton {
    private final CallGrammar grammar;
    private final Map<Set<Stack>, CallState> shared = new HashMap<>();
    private final Map<Set<Stack>, CallState> local = new HashMap<>();
    private final Set<CallState> dated = new HashSet<>();
    private final CallState root;
    private Utterance utterance = new Utterance("");

    Automaton(CallGrammar grammar) {
        this.grammar = grammar;
        this.root = below(new Stack(grammar.root, Stack.END));
    }

    /** The state before the first byte, for a call that answers {@code text}. */
    CallState start(String text) {
        if (grammar.substrings) {
            utterance = new Utterance(text);
            local.clear();
            for (CallState state : dated) {
                state.forget();
            }
            dated.clear();
        }
        return root;
    }

    Utterance utterance() {
        return utterance;
    }

    CallState state(Set<Stack> stacks) {
        CallState found = shared.get(stacks);
        found = found != null ? found : local.get(stacks);
        if (found == null) {
            found = new CallState(stacks);
            (found.local ? local : shared).put(stacks, found);
        }
        return found;
    }

    /** The state that a single stack stands for. */
    CallState below(Stack stack) {
        return state(Stack.closure(stack));
    }

    /** The state after one more byte; {@link CallState#NONE} where no call goes on with it. */
    CallState step(CallState state, int value) {
        CallState known = state.edges.get(value);
        if (known != null) {
            return known;
        }
        Set<Stack> stacks = new HashSet<>();
        for (Stack stack : state.stacks) {
            stacks.addAll(stack.follow(value, utterance));
        }
        CallState result = stacks.isEmpty() ? CallState.NONE : state(stacks);
        state.edges.put(value, result);
        if (result.local) {
            date(state);
        }
        return result;
    }

    /** Bytes that {@link #step} might take, where they are few; null inside free strings and numbers. */
    BitSet options(CallState state) {
        BitSet found = new BitSet(256);
        for (Stack stack : state.stacks) {
            if (stack.frame instanceof Excerpt excerpt) {
                excerpt.options(utterance, found);
            } else if (stack.frame instanceof Frame.Literal literal) {
                found.set(literal.first());
            } else if (stack.frame != null) {
                return null;
            }
        }
        return found;
    }

    /** Has a state forget at the next start, because what it keeps depends on the utterance. */
    void date(CallState state) {
        if (!state.local) {
            dated.add(state);
        }
    }
}
