package dev.tandem.runtime;

import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;

/** What is still to come in a call, innermost first; {@link #END} where nothing is. Compared by value. */
final class Stack {
    static final Stack END = new Stack(null, null);

    final Frame frame;
    final Stack below;
    private final int hash;

    Stack(Frame frame, Stack below) {
        this.frame = frame;
        this.below = below;
        this.hash = frame == null ? 0 : 31 * frame.hashCode() + below.hash;
    }

    /** All stacks with bytes to read on top that a stack stands for. */
    static Set<Stack> closure(Stack stack) {
        Set<Stack> found = new HashSet<>();
        Deque<Stack> waiting = new ArrayDeque<>(); // no recursion: 2,000 optional properties are as many nested choices
        waiting.push(stack);
        while (!waiting.isEmpty()) {
            Stack top = waiting.pop();
            if (top.frame instanceof Frame.Series series) {
                Stack rest = top.below;
                for (int index = series.parts.size() - 1; index >= 0; index--) {
                    rest = new Stack(series.parts.get(index), rest);
                }
                waiting.push(rest);
            } else if (top.frame instanceof Frame.Choice choice) {
                for (Frame option : choice.options) {
                    waiting.push(new Stack(option, top.below));
                }
            } else {
                found.add(top);
                if (top.frame instanceof NumberPrefix number && !number.text().isEmpty() && number.isComplete()) {
                    waiting.push(top.below); // a number may end here, or go on
                }
            }
        }
        return found;
    }

    /** The stacks that one stack becomes by one more byte. */
    Set<Stack> follow(int value, Utterance utterance) {
        if (frame instanceof Frame.Literal literal) {
            if (literal.first() != value) {
                return Collections.emptySet();
            }
            Frame.Literal rest = literal.rest();
            return rest == null ? closure(below) : Collections.singleton(new Stack(rest, below));
        }
        Frame after = frame == null ? null
                : frame instanceof StringBody text ? text.step(value)
                : frame instanceof Excerpt excerpt ? excerpt.step(value, utterance)
                : ((NumberPrefix) frame).step(value);
        if (after == null) {
            return Collections.emptySet();
        }
        return closure(after == StringBody.CLOSED || after == Excerpt.CLOSED ? below : new Stack(after, below));
    }

    @Override
    public boolean equals(Object object) {
        if (!(object instanceof Stack other)) {
            return false;
        }
        Stack one = this;
        while (one != other) {
            if (one.hash != other.hash || one.frame == null || !one.frame.equals(other.frame)) {
                return false;
            }
            one = one.below;
            other = other.below;
        }
        return true;
    }

    @Override
    public int hashCode() {
        return hash;
    }
}
