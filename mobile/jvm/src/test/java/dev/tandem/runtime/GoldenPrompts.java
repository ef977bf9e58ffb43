package dev.tandem.runtime;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * golden.json without a model: the prompt's ids, and that the constraint lets each recorded answer pass, id by id and
 * within its budget. (LiteRT itself runs on a phone; there the self-test and an instrumented test ask the model.)
 */
final class GoldenPrompts {
    private GoldenPrompts() {}

    static void run(Vectors vectors) {
        Map<String, Object> file = vectors.file("golden");
        int budget = Json.integer(file.get("max_new_tokens"), "max_new_tokens");
        vectors.each(file, "golden", "cases", values -> {
            String text = (String) values.get("text");
            for (Constrain kind : Arrays.asList(Constrain.SCHEMA, Constrain.SUBSTRINGS)) {
                String name = kind == Constrain.SCHEMA ? "schema" : "substrings";
                Map<String, Object> recorded = Json.object(values.get(name), name);
                int[] ids = Json.integers(recorded.get("ids"), "ids");
                boolean stopped = (Boolean) recorded.get("stopped");
                Answer answer = ask(vectors, text, kind, budget, proposed(vectors, ids, stopped));
                Vectors.check("ids of " + name, ids, answer.ids());
                Vectors.check("stopped", stopped, answer.stopped());
                Vectors.check("refused", 0, answer.refused());
                Vectors.check("prompt", Json.integers(values.get("prompt_ids"), "prompt_ids").length,
                        answer.promptTokens());
            }
        });
        vectors.each(file, "golden", "cases", values -> Vectors.check("prompt",
                Json.integers(values.get("prompt_ids"), "prompt_ids"), new ChatTemplate(vectors.tokenizer,
                        vectors.bundle.startId, vectors.bundle.stopIds[0]).prompt(prompt(values))));
    }

    private static List<Message> prompt(Map<String, Object> values) {
        return Arrays.asList(Message.user((String) values.get("text")));
    }

    private static int[] proposed(Vectors vectors, int[] ids, boolean stopped) {
        Ids all = new Ids();
        all.addAll(ids);
        if (stopped) {
            all.add(vectors.bundle.stopIds[0]);
        }
        return all.toArray();
    }

    private static Answer ask(Vectors vectors, String text, Constrain kind, int budget, int[] proposed) {
        FakeRunner runner = new FakeRunner(
                vectors.bundle.window, vectors.bundle.vocabSize, vectors.bundle.buckets, proposed);
        Chat chat = new Chat(vectors.bundle, vectors.bundle.defaultVariant(), runner);
        return chat.ask(Arrays.asList(Message.user(text)), budget, Sampler.GREEDY, kind, piece -> true);
    }
}
