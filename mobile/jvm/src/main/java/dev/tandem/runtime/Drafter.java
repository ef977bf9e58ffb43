package dev.tandem.runtime;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Draft tokens for speculative decoding: an answer takes several tokens per call of the model.
 *
 * <p>One call reads the draft tokens and gives the logits after each. A draft token is accepted where the choice from
 * them, made as ever, is the same token. So no answer depends on a draft, and a rejected one costs a part of that call.
 * Draft tokens come from what followed the last tokens in the answers so far, most often, and from what follows the
 * same words in the prompt. The rules are those of mobile/runtime/drafter.py: every language drafts alike. Not
 * thread-safe.
 *
 * <pre>{@code
 * Drafter drafter = new Drafter(tokenizer);
 * drafter.begin(prompt);
 * int[] ids = drafter.draft(7); // at most seven
 * drafter.add(token);           // what was chosen instead, or all the same
 * }</pre>
 */
public final class Drafter {
    /** Contexts that are remembered before all are forgotten: about 2 MB. */
    static final int CONTEXTS = 10_000;

    private static final int LONGEST = 4; // tokens of a context
    private static final int[] BEFORE_PROMPT = {4, 3}; // contexts of these many tokens are asked before the prompt
    private static final int[] AFTER_PROMPT = {2, 1}; // and these after it
    private static final int MATCHED = 3; // tokens back, at most, that a place in the prompt is compared with
    private static final int START = -1; // stands before the answer's first token
    private static final int NONE = -2; // no token
    private static final String SPACES = "\u0120\u2581 "; // how vocabularies write the space before a word

    private final Map<Integer, String> words = new HashMap<>();
    private final Map<Context, Followers> followers = new HashMap<>();
    private final Map<String, List<Integer>> places = new HashMap<>();
    private int[] prompt = {};
    private Ids answer = new Ids();

    public Drafter(Tokenizer tokenizer) {
        for (Map.Entry<String, Integer> token : tokenizer.vocabulary().entrySet()) {
            String word = word(token.getKey());
            if (!word.isEmpty()) {
                words.put(token.getValue(), word);
            }
        }
        words.keySet().removeAll(tokenizer.special());
        begin(prompt);
    }

    /** A new answer, to this prompt. */
    public void begin(int[] ids) {
        prompt = ids.clone();
        answer = new Ids();
        for (int count = 0; count < LONGEST; count++) {
            answer.add(START);
        }
        places.clear();
        for (int place = 0; place < prompt.length - 1; place++) {
            String word = words.get(prompt[place]);
            if (word != null) {
                places.computeIfAbsent(word, key -> new ArrayList<>()).add(place);
            }
        }
    }

    /** The answer's next token, the stop id included. */
    public void add(int token) {
        int[] ids = answer.toArray();
        for (int length = 1; length <= LONGEST; length++) {
            if (followers.size() >= CONTEXTS) {
                followers.clear();
            }
            followers.computeIfAbsent(Context.of(ids, ids.length, length), key -> new Followers()).add(token);
        }
        answer.add(token);
    }

    /** At most {@code count} tokens that may follow the answer so far; none where nothing like it was seen. */
    public int[] draft(int count) {
        int begin = answer.size();
        int[] ids = Arrays.copyOf(answer.toArray(), begin + count);
        int end = begin;
        while (end < ids.length) {
            int token = next(ids, end);
            if (token == NONE) {
                break;
            }
            ids[end++] = token;
        }
        return Arrays.copyOfRange(ids, begin, end);
    }

    /** The draft token after the first {@code end} of the ids. */
    private int next(int[] ids, int end) {
        int token = seen(ids, end, BEFORE_PROMPT);
        if (token == NONE) {
            token = said(ids, end);
        }
        return token == NONE ? seen(ids, end, AFTER_PROMPT) : token;
    }

    private int seen(int[] ids, int end, int[] lengths) {
        for (int length : lengths) {
            Followers found = followers.get(Context.of(ids, end, length));
            if (found != null) {
                return found.likeliest;
            }
        }
        return NONE;
    }

    /** What follows in the prompt where most of the last words are the same; the first such place. */
    private int said(int[] ids, int end) {
        int token = NONE;
        int most = 0;
        for (int place : places.getOrDefault(words.get(ids[end - 1]), Collections.emptyList())) {
            int equal = equalWords(place, ids, end);
            if (equal > most) {
                most = equal;
                token = prompt[place + 1];
            }
        }
        return token;
    }

    private int equalWords(int place, int[] ids, int end) {
        for (int back = 1; back < MATCHED; back++) {
            String here = place >= back ? words.get(prompt[place - back]) : null;
            if (here == null || !here.equals(words.get(ids[end - 1 - back]))) {
                return back;
            }
        }
        return MATCHED;
    }

    /** What a token is compared by: its letters, small, without the space before a word. */
    private static String word(String token) {
        int begin = 0;
        while (begin < token.length() && SPACES.indexOf(token.charAt(begin)) >= 0) {
            begin++;
        }
        return token.substring(begin).toLowerCase(Locale.ROOT);
    }

    /** The last tokens, the latest first; NONE behind a short context's. */
    private record Context(int first, int second, int third, int fourth) {
        static Context of(int[] ids, int end, int length) {
            return new Context(ids[end - 1], length > 1 ? ids[end - 2] : NONE, length > 2 ? ids[end - 3] : NONE,
                    length > 3 ? ids[end - 4] : NONE);
        }
    }

    /** What came after one context, and how often. */
    private static final class Followers {
        private final Map<Integer, Integer> counts = new HashMap<>(2); // most contexts have one
        private int likeliest = NONE;

        void add(int token) {
            if (counts.merge(token, 1, Integer::sum) >= counts.getOrDefault(likeliest, 0)) {
                likeliest = token; // of equals the latest
            }
        }
    }
}
