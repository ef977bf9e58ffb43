package dev.tandem.runtime;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * A chat with an exported folder: prompt in, streamed text out, and the self-test an app runs at start.
 *
 * <p>Each question is a conversation of its own. Not thread-safe: use it from one thread, and cancel from another
 * through the {@link Progress} of the question.
 *
 * <pre>{@code
 * Bundle bundle = new Bundle(Folder.of(new File("mobile")));
 * Chat chat = new Chat(bundle, bundle.defaultVariant(), runner);
 * chat.selfTest();
 * Answer answer = chat.ask("turn on the kitchen lights", 64, piece -> true);
 * }</pre>
 */
public final class Chat {
    /** Hears of an answer while it is made. */
    public interface Progress {
        /** Gets a piece of text, perhaps empty, after each token; false ends the answer there. */
        boolean goOn(String piece);
    }

    private final Bundle bundle;
    private final String variant;
    private final Model model;
    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final Drafter drafter; // null: one token per call
    private final List<Map<String, Object>> tools;
    private final Map<Constrain, CallConstraint> constraints = new EnumMap<>(Constrain.class);

    /** ModelException where a file was changed or the model is another one than the bundle's. */
    public Chat(Bundle bundle, String variant, Runner runner) {
        this(bundle, variant, runner, true);
    }

    /**
     * As above.
     *
     * @param speculative speculative decoding, where the runner can verify: answers take several tokens per call.
     *     Draft tokens, learned from the answers of this chat, are accepted where they are chosen. No answer depends
     *     on it.
     */
    public Chat(Bundle bundle, String variant, Runner runner, boolean speculative) {
        this.bundle = bundle;
        this.variant = variant;
        bundle.checkHash(bundle.modelFile(variant));
        checkModel(runner);
        this.model = new Model(runner);
        this.tokenizer = new Tokenizer(bundle.read(bundle.tokenizerFile));
        this.drafter = speculative && model.verifySize > 0 ? new Drafter(tokenizer) : null;
        this.template = new ChatTemplate(tokenizer, bundle.startId, bundle.stopIds[0]);
        this.tools = bundle.toolsFile == null ? Collections.emptyList() : Tools.read(bundle.read(bundle.toolsFile));
        if (bundle.constrain != Constrain.OFF) {
            constraint(bundle.constrain);
        }
    }

    /** The greedy answer to one text, constrained as the bundle recommends. */
    public Answer ask(String text, int maxNewTokens, Progress progress) {
        return ask(Arrays.asList(Message.user(text)), maxNewTokens, Sampler.GREEDY, bundle.constrain, progress);
    }

    /** The answer to a conversation; PromptException or ContextFullException where it cannot be read. */
    public Answer ask(List<Message> messages, int maxNewTokens, Sampler sampler, Constrain constrain,
            Progress progress) {
        long start = System.nanoTime();
        int[] prompt = template.prompt(messages);
        int free = model.window - prompt.length;
        if (free <= 0) {
            throw new ContextFullException("The prompt has " + prompt.length + " tokens and the window holds "
                    + model.window + ": there is no room for an answer. Shorten the text.");
        }
        int limit = Math.min(maxNewTokens, free + 1); // the last one is not read back into the window
        TokenChoice choice = constrain == Constrain.OFF ? sampler
                : constraint(constrain).sampler(sampler, lastSaid(messages), limit);
        Generation generation = new Generation(model, tokenizer, bundle.stopIds, choice, drafter, progress);
        generation.run(prompt, limit);
        return generation.answer(prompt.length, start);
    }

    /** The constraint of the folder's functions, made once. */
    public CallConstraint constraint(Constrain kind) {
        if (tools.isEmpty()) {
            throw new ModelException("The folder has no tools.json to constrain answers by: use Constrain.OFF.");
        }
        return constraints.computeIfAbsent(kind, key -> new CallConstraint(
                tools, tokenizer, model.vocabSize, bundle.stopIds, key == Constrain.SUBSTRINGS));
    }

    /** See {@link SelfTest}. */
    public void selfTest() {
        SelfTest.run(bundle, variant, model, template, drafter != null);
    }

    private void checkModel(Runner runner) {
        int[] recorded = bundle.buckets.clone();
        int[] found = runner.buckets().clone();
        Arrays.sort(recorded);
        Arrays.sort(found);
        if (runner.window() != bundle.window || runner.vocabSize() != bundle.vocabSize
                || !Arrays.equals(found, recorded)) {
            throw new ModelException("The model has the window " + runner.window() + ", the vocabulary "
                    + runner.vocabSize() + " and the prefill sizes " + Arrays.toString(found) + "; bundle.json says "
                    + bundle.window + ", " + bundle.vocabSize + " and " + Arrays.toString(recorded)
                    + ". Copy the whole folder again.");
        }
    }

    /** The text that excerpts are cut from: the user's last message. */
    private static String lastSaid(List<Message> messages) {
        List<Message> latest = new ArrayList<>(messages);
        Collections.reverse(latest);
        for (Message message : latest) {
            if (message.role().equals("user")) {
                return message.content();
            }
        }
        return "";
    }
}
