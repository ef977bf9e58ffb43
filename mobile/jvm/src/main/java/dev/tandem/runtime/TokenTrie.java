package dev.tandem.runtime;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * All tokens by their bytes; finds those that an automaton may take next.
 *
 * <p>The inside of a free string allows most of the vocabulary, whatever follows the string. So for each phase of a
 * string the tokens that stay inside are found once, and those that leave it are followed from its closing quote.
 */
final class TokenTrie {
    /** A point in the trie: the ids of the tokens spelled so far, and what may follow. */
    static final class Node {
        private int[] ids = new int[0];
        private byte[] bytes = new byte[0];
        private Node[] children = new Node[0];

        boolean isToken() {
            return ids.length > 0;
        }

        /** The node one byte further, or null. */
        Node child(byte value) {
            for (int index = 0; index < bytes.length; index++) {
                if (bytes[index] == value) {
                    return children[index];
                }
            }
            return null;
        }

        private Node grow(byte value) {
            Node found = child(value);
            if (found == null) {
                found = new Node();
                bytes = Arrays.copyOf(bytes, bytes.length + 1);
                children = Arrays.copyOf(children, bytes.length);
                bytes[bytes.length - 1] = value;
                children[bytes.length - 1] = found;
            }
            return found;
        }

        private void add(int id) {
            ids = Arrays.copyOf(ids, ids.length + 1);
            ids[ids.length - 1] = id;
        }

        private void mark(BitSet legal) {
            for (int id : ids) {
                legal.set(id);
            }
        }
    }

    private record At(Node node, CallState state) {}

    /** Tokens that stay inside a free string, and the nodes at which the others have closed it. */
    private record Inside(BitSet ids, List<Node> leaving) {}

    private final Node root = new Node();
    private final Map<Integer, Inside> insides = new HashMap<>();

    TokenTrie(Tokenizer tokenizer, int vocabSize) {
        for (int id = 0; id < vocabSize; id++) {
            byte[] spelled = tokenizer.bytes(id);
            Node node = root;
            for (byte value : spelled) {
                node = node.grow(value);
            }
            if (spelled.length > 0) {
                node.add(id);
            }
        }
    }

    Node root() {
        return root;
    }

    /** The tokens after which a call can still go on; kept with the state. */
    BitSet legal(Automaton automaton, CallState state) {
        if (state.legal != null) {
            return state.legal;
        }
        BitSet legal = new BitSet();
        Set<Stack> others = new HashSet<>(state.stacks);
        for (Stack stack : state.stacks) {
            if (stack.frame instanceof StringBody text && text.isFree()) {
                others.remove(stack);
                Inside inside = inside(text);
                legal.or(inside.ids());
                for (Node node : inside.leaving()) {
                    node.mark(legal);
                    walk(node, automaton, automaton.below(stack.below), state, legal);
                }
            }
        }
        if (!others.isEmpty()) {
            walk(root, automaton, others.size() < state.stacks.size() ? automaton.state(others) : state, state,
                    legal);
        }
        state.legal = legal;
        return legal;
    }

    /** Marks the tokens below {@code root} that may follow {@code start}; {@code owner} keeps them. */
    private static void walk(Node root, Automaton automaton, CallState start, CallState owner, BitSet legal) {
        Deque<At> border = new ArrayDeque<>();
        border.push(new At(root, start));
        while (!border.isEmpty()) {
            At at = border.pop();
            if (at.state().local) {
                automaton.date(owner);
            }
            BitSet options = automaton.options(at.state());
            for (int index = 0; index < at.node().bytes.length; index++) {
                int value = at.node().bytes[index] & 0xFF;
                if (options == null || options.get(value)) {
                    CallState following = automaton.step(at.state(), value);
                    if (following != CallState.NONE) {
                        at.node().children[index].mark(legal);
                        border.push(new At(at.node().children[index], following));
                    }
                }
            }
        }
    }

    private Inside inside(StringBody start) {
        Inside found = insides.get(start.phase());
        if (found == null) {
            found = new Inside(new BitSet(), new ArrayList<>());
            enter(root, start, found);
            insides.put(start.phase(), found);
        }
        return found;
    }

    private static void enter(Node node, StringBody text, Inside found) {
        for (int index = 0; index < node.bytes.length; index++) {
            StringBody following = text.step(node.bytes[index] & 0xFF);
            if (following == StringBody.CLOSED) {
                found.leaving().add(node.children[index]);
            } else if (following != null) {
                node.children[index].mark(found.ids());
                enter(node.children[index], following, found);
            }
        }
    }
}
