package dev.tandem.runtime;

import java.io.File;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** Speculative decoding, several tokens per call: the same answers as those that go one by one, in fewer calls. */
final class SpeculativeAnswers {
    private static final int SIZE = 8; // tokens of verify
    private static final int WINDOW = 42; // the last call of verify ends with it
    private static final int VOCABULARY = 50;
    private static final int[] PROMPT = {7, 8, 9};

    private SpeculativeAnswers() {}

    static void run(Vectors vectors) {
        vectors.one("the same answers in fewer calls", () -> fewerCalls(vectors));
        vectors.one("answers that a budget cuts short", () -> cutShort(vectors));
        vectors.one("budgets up to the window's end", () -> {
            everyBudget(vectors, () -> Sampler.GREEDY);
            everyBudget(vectors, () -> Sampler.seeded(1, 8, 1, 3));
        });
        vectors.one("the stop id is learned", () -> stopped(vectors));
        vectors.one("verify", SpeculativeAnswers::verify);
        vectors.one("a cancelled answer", () -> cancelled(vectors));
        vectors.one("a question inside a speculative answer", () -> inside(vectors));
        vectors.one("runners without verify", () -> {
            FakeRunner old = new FakeRunner(WINDOW, VOCABULARY, new int[] {8});
            Vectors.check("size", 0, old.verifySize());
            Vectors.refused(UnsupportedOperationException.class,
                    () -> old.verify(new int[] {1}, new int[] {0}, new float[WINDOW]));
        });
        vectors.one("sizes of bundle.json", () -> {
            Vectors.check("int8", SIZE, vectors.bundle.verifySize("int8"));
            File older = new File(vectors.prebuilt.getParentFile(), "nano");
            Vectors.check("int4", 0, new Bundle(Folder.of(older)).verifySize("int4"));
        });
        System.out.println("ok speculative answers");
    }

    /** The recorded answers, constrained, by chats with speculative decoding, with it off, and without verify. */
    private static void fewerCalls(Vectors vectors) {
        Map<String, Object> golden = vectors.file("golden");
        int budget = Json.integer(golden.get("max_new_tokens"), "max_new_tokens");
        FakeRunner[] runners = {runner(vectors), runner(vectors), new FakeRunner(
                vectors.bundle.window, vectors.bundle.vocabSize, vectors.bundle.buckets)};
        Chat[] chats = {chat(vectors, runners[0], true), chat(vectors, runners[1], false),
            chat(vectors, runners[2], true)};
        for (Object entry : Json.array(golden.get("cases"), "cases")) {
            Map<String, Object> values = Json.object(entry, "cases");
            Map<String, Object> recorded = Json.object(values.get("schema"), "schema");
            int[] ids = Json.integers(recorded.get("ids"), "ids");
            Ids proposed = new Ids();
            proposed.addAll(ids);
            proposed.add(vectors.bundle.stopIds[0]);
            List<Message> messages = Arrays.asList(Message.user((String) values.get("text")));
            for (int index = 0; index < chats.length; index++) {
                runners[index].propose(proposed.toArray());
                Answer answer = chats[index].ask(messages, budget, Sampler.GREEDY, Constrain.SCHEMA, piece -> true);
                Vectors.check("ids", ids, answer.ids());
                Vectors.check("stopped", recorded.get("stopped"), answer.stopped());
                Vectors.check("refused", 0, answer.refused());
            }
        }
        Vectors.check("calls without drafts", runners[2].calls, runners[1].calls);
        Vectors.check("fewer calls: " + runners[0].calls + " of " + runners[1].calls, true,
                runners[0].calls * 1.5 < runners[1].calls);
    }

    /** An answer stopped where it is the recorded one: a smaller budget makes another call of it, with drafts or not. */
    private static void cutShort(Vectors vectors) {
        Map<String, Object> golden = vectors.file("golden");
        Map<String, Object> values = Json.object(Json.array(golden.get("cases"), "cases").get(0), "cases");
        int[] ids = Json.integers(Json.object(values.get("schema"), "schema").get("ids"), "ids");
        Ids proposed = new Ids();
        proposed.addAll(ids);
        proposed.add(vectors.bundle.stopIds[0]);
        List<Message> messages = Arrays.asList(Message.user((String) values.get("text")));
        VerifyingRunner[] runners = {runner(vectors), runner(vectors)};
        Chat[] chats = {chat(vectors, runners[0], true), chat(vectors, runners[1], false)};
        int whole = 0;
        for (int budget = 1; budget <= 40; budget++) {
            int[] first = null;
            for (int index = 0; index < chats.length; index++) {
                runners[index].propose(proposed.toArray());
                Answer answer = chats[index].ask(messages, budget, Sampler.GREEDY, Constrain.SCHEMA, piece -> true);
                Vectors.check("stopped at " + budget, Arrays.equals(ids, answer.ids()), answer.stopped());
                Vectors.check("ids at " + budget, first == null ? answer.ids() : first, answer.ids());
                first = answer.ids();
                whole += answer.stopped() ? 1 : 0;
            }
        }
        Vectors.check("some stopped and some did not: " + whole, true, whole > 10 && whole < 50);
    }

    /** Drafts learned from another answer are rejected at first; those of the same answer again are accepted. */
    private static void everyBudget(Vectors vectors, Supplier<Sampler> sampler) {
        int longest = WINDOW - PROMPT.length + 1;
        for (int limit = 0; limit <= longest; limit++) {
            Drafter drafter = new Drafter(vectors.tokenizer);
            new Trial(vectors, Sampler.seeded(1, 8, 1, 4), drafter, longest); // what it learns
            Trial plain = new Trial(vectors, sampler.get(), null, limit);
            Trial first = new Trial(vectors, sampler.get(), drafter, limit);
            Trial again = new Trial(vectors, sampler.get(), drafter, limit);
            Vectors.check("length", limit, plain.ids.length);
            Vectors.check("calls without drafts", PROMPT.length - 1 + limit, plain.runner.calls);
            for (Trial trial : new Trial[] {first, again}) {
                Vectors.check("ids of " + limit, plain.ids, trial.ids);
                Vectors.check("read of " + limit, plain.read(), trial.read());
            }
            int[] calls = {again.runner.calls - again.runner.verified, again.runner.verified};
            Vectors.check("calls of " + limit, calls(limit), calls);
            Vectors.check("rejected drafts", true, limit < longest || first.runner.calls > again.runner.calls);
        }
    }

    /** Calls of decode and of verify with drafts that are all accepted: eight tokens each, where eight rows fit. */
    private static int[] calls(int limit) {
        int read = PROMPT.length - 1; // one by one; the last token of the prompt goes with the first drafts
        int[] calls = {read, 0};
        for (int made = 0; made < limit;) {
            int step = read + SIZE <= WINDOW ? Math.min(SIZE, limit - made) : 1;
            calls[step > 1 ? 1 : 0]++;
            read += step;
            made += step;
        }
        return calls;
    }

    private static void stopped(Vectors vectors) {
        int[] ids = new Trial(vectors, Sampler.GREEDY, null, 6).ids;
        Drafter drafter = new Drafter(vectors.tokenizer);
        Trial trial = new Trial(vectors, Sampler.GREEDY, drafter, 20, ids[5]);
        Vectors.check("ids", Arrays.copyOf(ids, 5), trial.ids);
        drafter.begin(new int[0]);
        Vectors.check("drafts", ids, drafter.draft(8));
    }

    private static void verify() {
        Model model = new Model(VerifyingRunner.noise(SIZE, WINDOW, VOCABULARY, 8));
        model.prefill(PROMPT);
        int[] ids = {10, 11, 12};
        float[][] together = model.verify(ids);
        Vectors.check("position", PROMPT.length, model.position());
        Vectors.check("rows", ids.length, together.length);
        for (int row = 0; row < ids.length; row++) {
            Vectors.check("row " + row, true, Arrays.equals(model.decode(ids[row]), together[row]));
        }
        Vectors.refused(ContextFullException.class, () -> model.verify(new int[SIZE + 1]));
        Vectors.refused(ContextFullException.class, () -> model.verify(new int[0]));
        Vectors.refused(PromptException.class, () -> model.verify(new int[] {VOCABULARY}));
        while (model.position() < WINDOW - SIZE) {
            model.decode(1);
        }
        model.verify(ids);
        model.decode(1);
        Vectors.refused(ContextFullException.class, () -> model.verify(ids));
    }

    /** Cancelled at the third token of a call that read eight: the rest is dropped, and the next answer whole. */
    private static void cancelled(Vectors vectors) {
        VerifyingRunner runner = runner(vectors);
        Chat chat = chat(vectors, runner, true);
        Answer whole = hello(chat, 12, piece -> true);
        Vectors.check("whole", 12, whole.ids().length);
        int before = runner.verified;
        int[] count = {0};
        Answer answer = hello(chat, 12, piece -> ++count[0] < 3);
        Vectors.check("calls", 1, runner.verified - before);
        Vectors.check("cancelled", true, answer.cancelled());
        Vectors.check("stopped", false, answer.stopped());
        Vectors.check("ids", Arrays.copyOf(whole.ids(), 3), answer.ids());
        Vectors.check("pieces", 3, count[0]);
        Vectors.check("ids", whole.ids(), hello(chat, 12, piece -> true).ids());
    }

    private static void inside(Vectors vectors) {
        Chat chat = chat(vectors, runner(vectors), true);
        int[] whole = hello(chat, 12, piece -> true).ids();
        Vectors.refused(ModelException.class, () -> hello(chat, 12, piece -> {
            hello(chat, 1, rest -> true);
            return true;
        }));
        Vectors.check("ids", whole, hello(chat, 12, piece -> true).ids());
    }

    private static Answer hello(Chat chat, int limit, Chat.Progress progress) {
        return chat.ask(Arrays.asList(Message.user("hello")), limit, Sampler.GREEDY, Constrain.OFF, progress);
    }

    /** Proposes a text without an end. */
    private static VerifyingRunner runner(Vectors vectors) {
        Bundle bundle = vectors.bundle;
        return new VerifyingRunner(SIZE, bundle.window, bundle.vocabSize, bundle.buckets,
                vectors.tokenizer.text("turn on the kitchen lights and all the others in the house, would you, now"));
    }

    private static Chat chat(Vectors vectors, Runner runner, boolean speculative) {
        return new Chat(vectors.bundle, vectors.bundle.defaultVariant(), runner, speculative);
    }

    /** One answer of a small model of noise. */
    private static final class Trial {
        final VerifyingRunner runner = VerifyingRunner.noise(SIZE, WINDOW, VOCABULARY, 8);
        final int[] ids;
        private final Model model = new Model(runner);

        Trial(Vectors vectors, Sampler sampler, Drafter drafter, int limit, int... stopIds) {
            Generation generation = new Generation(
                    model, vectors.tokenizer, stopIds, sampler, drafter, piece -> true);
            generation.run(PROMPT, limit);
            ids = generation.answer(PROMPT.length, 0).ids();
        }

        /** What counts as read. */
        List<Integer> read() {
            return runner.written.subList(0, model.position());
        }
    }
}
