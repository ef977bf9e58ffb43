package dev.tandem.runtime;

import java.util.List;
import java.util.Map;

/** lookahead.json: the same guesses before each id of a row of answers, by one that began with nothing. */
final class LookaheadVectors {
    private LookaheadVectors() {}

    static void run(Vectors vectors) {
        Map<String, Object> file = vectors.file("lookahead");
        int count = Json.integer(file.get("count"), "count");
        Vectors.check("contexts", Lookahead.CONTEXTS, Json.integer(file.get("contexts"), "contexts"));
        Lookahead lookahead = new Lookahead(vectors.tokenizer);
        vectors.each(file, "lookahead", "cases", values -> {
            int[] answer = Json.integers(values.get("answer"), "answer");
            List<Object> guesses = Json.array(values.get("guesses"), "guesses");
            Vectors.check("guesses", answer.length, guesses.size());
            lookahead.begin(Json.integers(values.get("prompt"), "prompt"));
            for (int index = 0; index < answer.length; index++) {
                int[] expected = Json.integers(guesses.get(index), "guesses");
                Vectors.check("guesses before " + index, expected, lookahead.guess(count));
                lookahead.add(answer[index]);
            }
        });
        vectors.one("the place with most equal words", () -> {
            Vectors.check("three", letters(vectors, "y"), copied(vectors, "qcdxbcdyz", "bcd"));
            Vectors.check("no more than three", letters(vectors, "x"), copied(vectors, "qbcdxabcdyz", "abcd"));
        });
        vectors.one("what is learned stays bounded", () -> bounded(vectors));
    }

    /** The guess after an answer's beginning that was never seen, so that it can come from the prompt alone. */
    private static int[] copied(Vectors vectors, String prompt, String begin) {
        Lookahead lookahead = new Lookahead(vectors.tokenizer);
        lookahead.begin(letters(vectors, prompt));
        for (int id : letters(vectors, begin)) {
            lookahead.add(id);
        }
        return lookahead.guess(1);
    }

    private static int[] letters(Vectors vectors, String text) {
        Ids ids = new Ids();
        for (int index = 0; index < text.length(); index++) {
            ids.addAll(vectors.tokenizer.text(text.substring(index, index + 1)));
        }
        return ids.toArray();
    }

    /** Tokens that differ make four contexts each: as many fit as a quarter of the bound, and the next starts anew. */
    private static void bounded(Vectors vectors) {
        Lookahead lookahead = new Lookahead(vectors.tokenizer);
        for (int token = 0; token < Lookahead.CONTEXTS / 4; token++) {
            lookahead.add(token);
        }
        lookahead.begin(new int[0]);
        Vectors.check("remembered", new int[] {0, 1, 2}, lookahead.guess(3));
        lookahead.add(7);
        lookahead.begin(new int[0]);
        Vectors.check("forgotten", new int[] {7}, lookahead.guess(3));
    }
}
