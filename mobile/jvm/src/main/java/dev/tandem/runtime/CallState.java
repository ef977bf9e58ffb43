package dev.tandem.runtime;

import java.util.BitSet;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * A point in the call: a set of stacks, because an enumeration and a free string may begin alike.
 *
 * <p>{@code complete}: the call is whole. {@code local}: it depends on the utterance, and lives until the next one.
 */
final class CallState {
    /** Stands in the caches for "no call goes on". */
    static final CallState NONE = new CallState(Collections.emptySet());

    final Set<Stack> stacks;
    final boolean complete;
    final boolean local;
    final Map<Integer, CallState> edges = new HashMap<>(); // byte -> next state
    final Map<Integer, CallState> tokens = new HashMap<>(); // token id -> next state
    final Map<Integer, Long> left = new HashMap<>(); // tokens to the end by the shortest excerpt, see Completion
    BitSet legal; // token ids, once asked for

    CallState(Set<Stack> stacks) {
        this.stacks = stacks;
        this.complete = stacks.contains(Stack.END);
        boolean excerpt = false;
        for (Stack stack : stacks) {
            excerpt |= stack.frame instanceof Excerpt;
        }
        this.local = excerpt;
    }

    /** Drops what was found out about the states that follow. */
    void forget() {
        edges.clear();
        tokens.clear();
        legal = null;
    }
}
