package dev.tandem.runtime;

import java.util.List;
import java.util.Map;

/** stream.json: text as ids come, and where an answer ends. */
final class StreamVectors {
    private static final int PROMPT = 5; // an id that no answer begins with

    private StreamVectors() {}

    static void run(Vectors vectors) {
        Map<String, Object> file = vectors.file("stream");
        vectors.each(file, "stream", "streams", values -> {
            TextStream stream = new TextStream(vectors.tokenizer);
            List<Object> pieces = Json.array(values.get("pieces"), "pieces");
            int at = 0;
            for (int id : Json.integers(values.get("ids"), "ids")) {
                Vectors.check("piece " + at, pieces.get(at++), stream.next(id));
            }
            Vectors.check("rest", values.get("rest"), stream.rest());
        });
        int[] stopIds = Json.integers(file.get("stop_ids"), "stop_ids");
        vectors.each(file, "stream", "answers", values -> answer(vectors, stopIds, values));
    }

    private static void answer(Vectors vectors, int[] stopIds, Map<String, Object> values) {
        FakeRunner runner = new FakeRunner(160, vectors.bundle.vocabSize, new int[] {8, 64},
                Json.integers(values.get("proposed"), "proposed"));
        StringBuilder streamed = new StringBuilder();
        Model model = new Model(runner);
        Generation generation = new Generation(model, vectors.tokenizer, stopIds, Sampler.GREEDY, null, piece -> {
            streamed.append(piece);
            return true;
        });
        generation.run(new int[] {PROMPT}, Json.integer(values.get("max_new_tokens"), "max_new_tokens"));
        Answer answer = generation.answer(1, System.nanoTime());
        Vectors.check("ids", Json.integers(values.get("ids"), "ids"), answer.ids());
        Vectors.check("stopped", values.get("stopped"), answer.stopped());
        Vectors.check("text", values.get("text"), answer.text());
        Vectors.check("streamed text", values.get("text"), streamed.toString());
    }
}
