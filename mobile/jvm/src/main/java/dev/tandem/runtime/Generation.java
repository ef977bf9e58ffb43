package dev.tandem.runtime;

import java.util.Arrays;

/** One answer in the making: reads the prompt, then chooses tokens until a stop id, the budget or the user ends it. */
final class Generation {
    private final Model model;
    private final int[] stopIds;
    private final TokenChoice choice;
    private final Chat.Progress progress;
    private final TextStream stream;
    private final StringBuilder text = new StringBuilder();
    private final Ids ids = new Ids();
    private boolean stopped;
    private boolean cancelled;
    private long first;

    Generation(Model model, Tokenizer tokenizer, int[] stopIds, TokenChoice choice, Chat.Progress progress) {
        this.model = model;
        this.stopIds = stopIds;
        this.choice = choice;
        this.progress = progress;
        this.stream = new TextStream(tokenizer);
    }

    /** {@code prompt}: one id or more. At most {@code limit} new ids. */
    void run(int[] prompt, int limit) {
        model.reset();
        int conversation = model.conversations();
        int[] before = Arrays.copyOf(prompt, prompt.length - 1);
        model.prefill(before);
        float[] logits = model.decode(prompt[prompt.length - 1]);
        while (ids.size() < limit && !cancelled) {
            int id = choice.choose(logits);
            if (isStop(id)) {
                stopped = true;
                break;
            }
            accept(id);
            if (ids.size() < limit && !cancelled) {
                if (model.conversations() != conversation) {
                    throw new ModelException("Another question was asked before this answer was over, and took its "
                            + "cache. Ask it when this one has returned, or open a Chat for each.");
                }
                logits = model.decode(id);
            }
        }
        text.append(give(stream.rest()));
    }

    /** What was made; {@code start}: System.nanoTime() at the question. */
    Answer answer(int promptTokens, long start) {
        long end = System.nanoTime();
        int refused = choice instanceof ConstrainedSampler sampler ? sampler.refused() : 0;
        return new Answer(text.toString(), ids.toArray(), stopped, cancelled, promptTokens,
                (first == 0 ? end : first) - start, end - start, refused);
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
