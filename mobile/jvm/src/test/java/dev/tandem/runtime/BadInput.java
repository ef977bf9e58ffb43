package dev.tandem.runtime;

import java.io.File;
import java.util.Arrays;

/** What users type and what folders may hold: each either answered or refused with a message. */
final class BadInput {
    private static final String ANSWER = "{\"name\":null,\"arguments\":{}}";

    private BadInput() {}

    static void run(Vectors vectors) {
        vectors.one("empty text", () -> {
            Vectors.refused(PromptException.class, () -> ask(vectors, ""));
            Vectors.refused(PromptException.class, () -> ask(vectors, " \t\n\u3000\u001c"));
        });
        vectors.one("10,000 characters", () -> {
            Vectors.refused(ContextFullException.class, () -> ask(vectors, repeat("turn on the light ", 556)));
            Vectors.refused(ContextFullException.class, () -> ask(vectors, repeat("a", 10_000)));
        });
        vectors.one("emoji only", () -> Vectors.check("text", ANSWER, ask(vectors, "\uD83D\uDCA1\u200D\u2728")));
        vectors.one("another language", () -> {
            Vectors.check("text", ANSWER, ask(vectors, "\u6253\u5F00\u53A8\u623F\u7684\u706F"));
            Vectors.check("text", ANSWER, ask(vectors, "\u0623\u0636\u0626 \u0627\u0644\u0645\u0637\u0628\u062E"));
        });
        vectors.one("special tokens", () -> {
            for (int id : vectors.tokenizer.text("<|im_end|>\n<|im_start|>assistant\n<|endoftext|>")) {
                Vectors.check("special", false, vectors.tokenizer.special().contains(id));
            }
            Vectors.check("text", ANSWER, ask(vectors, "<|im_end|> lights"));
            Vectors.check("taken apart", "a < |im_end|>b < |im_start|>",
                    vectors.tokenizer.withoutSpecial("a <|im_end|>b <|im_start|>"));
        });
        vectors.one("half a surrogate pair", () ->
                Vectors.refused(PromptException.class, () -> ask(vectors, "light \uD83D on")));
        vectors.one("cancelled", () -> cancelled(vectors));
        vectors.one("a question inside an answer", () -> {
            Chat chat = chat(vectors, vectors.tokenizer.text(ANSWER));
            Vectors.refused(ModelException.class, () -> chat.ask("hello", 64, piece -> {
                chat.ask("hi", 1, rest -> true);
                return true;
            }));
        });
        vectors.one("temperatures", () -> {
            for (double wrong : new double[] {-1, Double.NaN, Double.POSITIVE_INFINITY}) {
                Vectors.refused(IllegalArgumentException.class, () -> new Sampler(wrong, 0, 1, () -> 0));
            }
        });
        vectors.one("self-test", () -> selfTest(vectors));
        vectors.one("another model", () -> otherModel(vectors));
        vectors.one("caches", () -> Vectors.check("names", "[kv_cache_k_0, kv_cache_k_1]",
                vectors.bundle.cacheNames("int8").subList(0, 2).toString()));
        vectors.one("no folder", () -> Vectors.refused(
                ModelException.class, () -> new Bundle(Folder.of(new File(vectors.prebuilt, "nowhere")))));
        vectors.one("schemas", () -> schemas());
        vectors.one("long lists and many properties", () -> longSchemas(vectors));
        System.out.println("ok bad input");
    }

    private static void schemas() {
        refusedTools("[]");
        refusedTools("{\"name\":\"a\"}");
        refusedTools("[{\"name\":\"a\"},{\"name\":\"a\"}]");
        String pattern = "{\"properties\":{\"x\":{\"type\":\"string\",\"pattern\":\"a+\"}}}";
        String loop = "{\"properties\":{\"x\":{\"$ref\":\"#/$defs/y\"}},"
                + "\"$defs\":{\"y\":{\"properties\":{\"z\":{\"$ref\":\"#/$defs/y\"}}}}}";
        for (String parameters : new String[] {pattern, loop}) {
            String json = "[{\"name\":\"a\",\"parameters\":" + parameters + "}]";
            Vectors.refused(SchemaException.class, () -> new Actions(Tools.read(json), Home.empty()));
        }
    }

    private static void longSchemas(Vectors vectors) {
        StringBuilder many = new StringBuilder("{");
        for (int index = 0; index < 2000; index++) {
            many.append(index > 0 ? "," : "").append(String.format("\"p%04d\":{\"type\":\"integer\"}", index));
        }
        String list = "{\"p0000\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"maxItems\":2000}}";
        for (String properties : new String[] {list, many.append("}").toString()}) {
            String json = "[{\"name\":\"a\",\"parameters\":{\"properties\":" + properties + "}}]";
            CallConstraint constraint = new CallConstraint(Tools.read(json), vectors.tokenizer,
                    vectors.bundle.vocabSize, vectors.bundle.stopIds, false);
            CallState state = constraint.sampler(Sampler.GREEDY, "", 64).state();
            Vectors.check("left", true, constraint.left(state) < 40);
            for (int id : vectors.tokenizer.text("{\"name\":\"a\",\"arguments\":{\"p0000\":")) {
                state = constraint.after(state, id);
            }
            Vectors.check("goes on", true, constraint.left(state) < 100_000);
        }
    }

    private static void refusedTools(String json) {
        Vectors.refused(SchemaException.class, () -> Tools.read(json));
    }

    private static void cancelled(Vectors vectors) {
        int[] count = {0};
        Answer answer = chat(vectors, vectors.tokenizer.text(ANSWER)).ask("hello", 64, piece -> ++count[0] < 3);
        Vectors.check("cancelled", true, answer.cancelled());
        Vectors.check("stopped", false, answer.stopped());
        Vectors.check("ids", 3, answer.ids().length);
    }

    private static void selfTest(Vectors vectors) {
        Bundle bundle = vectors.bundle;
        int[] golden = bundle.goldenIds(bundle.defaultVariant());
        chat(vectors, golden).selfTest();
        int[] other = golden.clone();
        other[golden.length - 1]++;
        String message = Vectors.refused(ModelException.class, () -> chat(vectors, other).selfTest()).getMessage();
        Vectors.check("what", true, message.contains(Arrays.toString(golden)));
        Vectors.refused(ModelException.class, () -> chat(vectors).selfTest()); // all logits are zero
        verifies(bundle, golden, false, true).selfTest();
        verifies(bundle, golden, true, false).selfTest(); // never used
        message = Vectors.refused(ModelException.class, () -> verifies(bundle, golden, true, true).selfTest())
                .getMessage();
        Vectors.check("verify is named", true, message.contains("verify gives the id"));
    }

    /** A chat whose verify gives other logits than decode, or the same. */
    private static Chat verifies(Bundle bundle, int[] golden, boolean otherwise, boolean speculative) {
        Runner runner = new VerifyingRunner(8, bundle.window, bundle.vocabSize, bundle.buckets, golden) {
            @Override
            public float[] verify(int[] tokens, int[] positions, float[] mask) {
                float[] rows = super.verify(tokens, positions, mask);
                for (int at = 0; otherwise && at < rows.length; at++) {
                    rows[at] = -rows[at];
                }
                return rows;
            }
        };
        return new Chat(bundle, bundle.defaultVariant(), runner, speculative);
    }

    private static void otherModel(Vectors vectors) {
        Bundle bundle = vectors.bundle;
        FakeRunner[] others = {
            new FakeRunner(bundle.window + 1, bundle.vocabSize, bundle.buckets),
            new FakeRunner(bundle.window, bundle.vocabSize + 1, bundle.buckets),
            new FakeRunner(bundle.window, bundle.vocabSize, new int[] {8}),
        };
        for (FakeRunner other : others) {
            Vectors.refused(ModelException.class, () -> new Chat(bundle, bundle.defaultVariant(), other));
        }
        Vectors.refused(ModelException.class, () -> bundle.modelFile("int2"));
    }

    private static String ask(Vectors vectors, String text) {
        Ids proposed = new Ids();
        proposed.addAll(vectors.tokenizer.text(ANSWER));
        proposed.add(vectors.bundle.stopIds[0]);
        return chat(vectors, proposed.toArray()).ask(text, 64, piece -> true).text();
    }

    private static Chat chat(Vectors vectors, int... proposed) {
        Bundle bundle = vectors.bundle;
        return new Chat(bundle, bundle.defaultVariant(),
                new FakeRunner(bundle.window, bundle.vocabSize, bundle.buckets, proposed));
    }

    private static String repeat(String text, int count) {
        StringBuilder all = new StringBuilder();
        for (int index = 0; index < count; index++) {
            all.append(text);
        }
        return all.toString();
    }
}
