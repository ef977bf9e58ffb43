package dev.tandem.runtime;

import java.util.Arrays;

/** One answer in the making: reads the prompt, then chooses tokens until a stop id, the budget or the user ends it. */
final class Generation {
    private static final int PATIENCE = 6; // an answer goes on without drafts after so many calls …
    private static final double WORTH = 0.5; // … that accepted fewer than this each
    private final Model model;
    private final int[] stopIds;
    private final TokenChoice choice;
    private final Drafter drafter;
    private final Chat.Progress progress;
    private final TextStream stream;
    private final StringBuilder text = new StringBuilder();
    private final Ids ids = new Ids();
    private boolean stopped;
    private boolean cancelled;
    private int verified; // calls with draft tokens
    private int accepted; // draft tokens that were
    private long first;

    /** {@code drafter}: null without draft tokens, one token per call. */
    Generation(Model model, Tokenizer tokenizer, int[] stopIds, TokenChoice choice, Drafter drafter,
            Chat.Progress progress) {
        this.model = model;
        this.stopIds = stopIds;
        this.choice = choice;
        this.drafter = drafter;
        this.progress = progress;
        this.stream = new TextStream(tokenizer);
    }

    /** {@code prompt}: one id or more. At most {@code limit} new ids. */
    void run(int[] prompt, int limit) {
        model.reset();
        if (drafter != null) {
            drafter.begin(prompt);
        }
        int conversation = model.conversations();
        model.prefill(Arrays.copyOf(prompt, prompt.length - 1));
        int chosen = prompt[prompt.length - 1];
        while (goesOn(limit)) {
            int[] read = withDrafts(chosen, limit - ids.size());
            float[][] logits = read.length > 1 ? model.verify(read) : new float[][] {model.after(chosen)};
            for (int row = 0; row < read.length && read[row] == chosen && goesOn(limit); row++) {
                model.keep();
                accepted += row > 0 ? 1 : 0;
                chosen = choose(logits[row]);
                if (goesOn(limit)) {
                    checkConversation(conversation);
                }
            }
        }
        text.append(give(stream.rest()));
    }

    /** What was made; {@code start}: System.nanoTime() at the question. */
    Answer answer(int promptTokens, long start) {
        long end = System.nanoTime();
        ConstrainedSampler constrained = choice instanceof ConstrainedSampler sampler ? sampler : null;
        int refused = constrained == null ? 0 : constrained.refused();
        boolean squeezed = constrained != null && constrained.squeezed();
        return new Answer(text.toString(), ids.toArray(), stopped && !squeezed, cancelled, promptTokens,
                (first == 0 ? end : first) - start, end - start, refused);
    }

    private boolean goesOn(int limit) {
        return !stopped && !cancelled && ids.size() < limit;
    }

    /** A token and the draft tokens behind it that one call can take. */
    private int[] withDrafts(int token, int left) {
        Ids read = new Ids();
        read.add(token);
        if (drafter != null && (verified < PATIENCE || accepted >= WORTH * verified)) {
            read.addAll(drafter.draft(model.draftable(left)));
            verified += read.size() > 1 ? 1 : 0;
        }
        return read.toArray();
    }

    /** The next token, which is a stop id or one of the answer. */
    private int choose(float[] logits) {
        int id = choice.choose(logits);
        if (drafter != null) {
            drafter.add(id);
        }
        stopped = isStop(id);
        if (!stopped) {
            accept(id);
        }
        return id;
    }

    private void checkConversation(int conversation) {
        if (model.conversations() != conversation) {
            throw new ModelException("Another question was asked before this answer was over, and took its "
                    + "cache. Ask it when this one has returned, or open a Chat for each.");
        }
    }

    private void accept(int id) {
        ids.add(id);
        first = first == 0 ? System.nanoTime() : first;
        String piece = stream.next(id);
        text.append(piece);
        cancelled = !progress.goOn(piece);
    }

    private String give(String rest) {
        if (!rest.isEmpty() && !cancelled) {
            progress.goOn(rest);
        }
        return rest;
    }

    private boolean isStop(int id) {
        for (int stop : stopIds) {
            if (stop == id) {
                return true;
            }
        }
        return false;
    }
}
