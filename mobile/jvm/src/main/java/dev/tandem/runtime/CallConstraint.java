package dev.tandem.runtime;

import java.util.BitSet;
import java.util.List;
import java.util.Map;

/**
 * What a tokenizer and a list of functions allow; made once, used for all answers of a chat.
 *
 * <p>A trained student is nearly always right by itself, so its choice is checked first, byte by byte along edges that
 * are known after a few answers; the tokens that are legal are looked for only where the choice is refused.
 */
public final class CallConstraint {
    private final Tokenizer tokenizer;
    private final int vocabSize;
    private final int[] stopIds;
    private final Automaton automaton;
    private final TokenTrie trie;
    private final Completion completion;

    /**
     * @param tools list of {"name", "parameters": JSON schema}
     * @param vocabSize width of the logits
     * @param stopIds allowed only after a complete call, where nothing else is
     * @param substrings open strings are cut from the utterance
     */
    public CallConstraint(List<Map<String, Object>> tools, Tokenizer tokenizer, int vocabSize, int[] stopIds,
            boolean substrings) {
        this.tokenizer = tokenizer;
        this.vocabSize = vocabSize;
        this.stopIds = stopIds.clone();
        this.automaton = new Automaton(new CallGrammar(tools, substrings));
        this.trie = new TokenTrie(tokenizer, vocabSize);
        this.completion = new Completion(trie);
    }

    /** A sampler for one answer. It ends the one before it. */
    public ConstrainedSampler sampler(Sampler choose, String utterance, int maxNewTokens) {
        return new ConstrainedSampler(this, choose, automaton.start(utterance), maxNewTokens);
    }

    /** The state after a token; {@link CallState#NONE} where no call goes on with it. */
    CallState after(CallState state, int id) {
        CallState known = state.tokens.get(id);
        if (known != null) {
            return known;
        }
        byte[] spelled = id < vocabSize ? tokenizer.bytes(id) : new byte[0];
        CallState at = spelled.length > 0 ? state : CallState.NONE;
        for (int index = 0; index < spelled.length && at != CallState.NONE; index++) {
            at = automaton.step(at, spelled[index] & 0xFF);
            if (at.local) { // a token may enter an excerpt and leave it again
                automaton.date(state);
            }
        }
        state.tokens.put(id, at);
        return at;
    }

    /** The tokens that are legal next, the stop ids after a complete call. */
    BitSet legal(CallState state) {
        BitSet legal = trie.legal(automaton, state);
        for (int id : state.complete ? stopIds : new int[0]) {
            legal.set(id);
        }
        return legal;
    }

    /** Tokens that complete the call of the present answer, a bound that is never too small. */
    long left(CallState state) {
        return completion.left(state, automaton.utterance());
    }

    int stopId() {
        return stopIds[0];
    }
}
