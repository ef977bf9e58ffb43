package dev.tandem.runtime;

import java.util.List;
import java.util.Map;

/** drafter.json: the same draft tokens before each id of a row of answers, by one that began with nothing. */
final class DrafterVectors {
    private DrafterVectors() {}

    static void run(Vectors vectors) {
        Map<String, Object> file = vectors.file("drafter");
        int count = Json.integer(file.get("count"), "count");
        Vectors.check("contexts", Drafter.CONTEXTS, Json.integer(file.get("contexts"), "contexts"));
        Drafter drafter = new Drafter(vectors.tokenizer);
        vectors.each(file, "drafter", "cases", values -> {
            int[] answer = Json.integers(values.get("answer"), "answer");
            List<Object> drafts = Json.array(values.get("drafts"), "drafts");
            Vectors.check("drafts", answer.length, drafts.size());
            drafter.begin(Json.integers(values.get("prompt"), "prompt"));
            for (int index = 0; index < answer.length; index++) {
                int[] expected = Json.integers(drafts.get(index), "drafts");
                Vectors.check("drafts before " + index, expected, drafter.draft(count));
                drafter.add(answer[index]);
            }
        });
        vectors.one("the place with most equal words", () -> {
            Vectors.check("three", letters(vectors, "y"), copied(vectors, "qcdxbcdyz", "bcd"));
            Vectors.check("no more than three", letters(vectors, "x"), copied(vectors, "qbcdxabcdyz", "abcd"));
        });
        vectors.one("what is learned stays bounded", () -> bounded(vectors));
    }

    /** The draft token after an answer's beginning that was never seen, so that it can come from the prompt alone. */
    private static int[] copied(Vectors vectors, String prompt, String begin) {
        Drafter drafter = new Drafter(vectors.tokenizer);
        drafter.begin(letters(vectors, prompt));
        for (int id : letters(vectors, begin)) {
            drafter.add(id);
        }
        return drafter.draft(1);
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
        Drafter drafter = new Drafter(vectors.tokenizer);
        for (int token = 0; token < Drafter.CONTEXTS / 4; token++) {
            drafter.add(token);
        }
        drafter.begin(new int[0]);
        Vectors.check("remembered", new int[] {0, 1, 2}, drafter.draft(3));
        drafter.add(7);
        drafter.begin(new int[0]);
        Vectors.check("forgotten", new int[] {7}, drafter.draft(3));
    }
}
