package dev.tandem.runtime;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * How many tokens the shortest end of a call takes: what the last tokens of a budget are kept for.
 *
 * <p>A bound that is never too small, added up over what is still to come: the fewest tokens that spell fixed bytes;
 * a token a byte for free strings, numbers and excerpts; the cheapest option of a choice. An excerpt that is not begun
 * counts as the shortest one of the utterance.
 */
final class Completion {
    private final TokenTrie.Node root;
    private final Map<Frame.Literal, Long> fixed = new HashMap<>();
    private final Map<Integer, Map<Frame, Long>> parts = new HashMap<>(); // by the shortest excerpt

    Completion(TokenTrie trie) {
        root = trie.root();
    }

    /** Tokens that complete the call, its stop id not counted; NO_END or more where the utterance allows no end. */
    long left(CallState state, Utterance utterance) {
        int shortest = shortest(utterance);
        Long known = state.left.get(shortest);
        if (known == null) {
            known = Long.MAX_VALUE;
            for (Stack stack : state.stacks) {
                known = Math.min(known, stack(stack, utterance, shortest));
            }
            state.left.put(shortest, known);
        }
        return known;
    }

    /** Bytes of the shortest excerpt, which is never empty, and its closing quote. */
    private static int shortest(Utterance utterance) {
        int best = Utterance.NO_END;
        for (int at : utterance.starts) {
            best = Math.min(best, utterance.untilEnd(at + 1));
        }
        return 2 + best;
    }

    private long stack(Stack stack, Utterance utterance, int shortest) {
        long left = 0;
        for (Stack at = stack; at.frame != null; at = at.below) {
            left += frame(at.frame, utterance, shortest);
        }
        return left;
    }

    private long frame(Frame frame, Utterance utterance, int shortest) {
        Map<Frame, Long> known = parts.computeIfAbsent(shortest, key -> new IdentityHashMap<>());
        Deque<Frame> waiting = new ArrayDeque<>(); // no recursion: the items of an array are inside one another
        if (isCompound(frame) && !known.containsKey(frame)) {
            waiting.push(frame);
        }
        while (!waiting.isEmpty()) {
            Frame compound = waiting.peek();
            int before = waiting.size();
            for (Frame part : partsOf(compound)) {
                if (isCompound(part) && !known.containsKey(part)) {
                    waiting.push(part);
                }
            }
            if (waiting.size() == before) {
                known.put(waiting.pop(), composed(compound, known, utterance, shortest));
            }
        }
        return left(frame, known, utterance, shortest);
    }

    private long composed(Frame compound, Map<Frame, Long> known, Utterance utterance, int shortest) {
        boolean choice = compound instanceof Frame.Choice;
        long left = choice ? Long.MAX_VALUE : 0;
        for (Frame part : partsOf(compound)) {
            long own = left(part, known, utterance, shortest);
            left = choice ? Math.min(left, own) : left + own;
        }
        return left;
    }

    private long left(Frame frame, Map<Frame, Long> known, Utterance utterance, int shortest) {
        if (frame instanceof Frame.Literal literal) {
            return fixed(literal);
        }
        if (frame instanceof Excerpt excerpt) {
            return excerpt.isStart() ? shortest : insideExcerpt(excerpt, utterance);
        }
        if (frame instanceof StringBody text) {
            return text.bytesLeft();
        }
        return frame instanceof NumberPrefix number ? number.bytesLeft() : known.get(frame);
    }

    private static boolean isCompound(Frame frame) {
        return frame instanceof Frame.Series || frame instanceof Frame.Choice;
    }

    /** What the bound of a series or a choice is made of. */
    private static List<Frame> partsOf(Frame frame) {
        if (frame instanceof Frame.Series series) {
            return series.parts;
        }
        Frame.Choice choice = (Frame.Choice) frame;
        // A loop ends with its first option, and leads back to itself in the others.
        return choice.loops ? choice.options.subList(0, 1) : choice.options;
    }

    private static long insideExcerpt(Excerpt excerpt, Utterance utterance) {
        int best = Utterance.NO_END;
        for (int at : excerpt.positions(utterance)) {
            best = Math.min(best, utterance.untilEnd(at));
        }
        return 1 + best;
    }

    /** Fewest tokens that spell a literal. */
    private long fixed(Frame.Literal literal) {
        Long known = fixed.get(literal);
        if (known != null) {
            return known;
        }
        byte[] bytes = literal.bytes;
        long[] counts = new long[bytes.length + 1];
        for (int start = bytes.length - 1; start >= literal.from; start--) {
            counts[start] = Utterance.NO_END;
            TokenTrie.Node node = root.child(bytes[start]);
            for (int end = start + 1; node != null; end++) {
                if (node.isToken()) {
                    counts[start] = Math.min(counts[start], 1 + counts[end]);
                }
                node = end < bytes.length ? node.child(bytes[end]) : null;
            }
            fixed.put(new Frame.Literal(bytes, start), counts[start]);
        }
        return counts[literal.from];
    }
}
