package dev.tandem.runtime;

import java.util.List;

/**
 * Chat messages to token ids, exactly as the model was trained on them.
 *
 * <pre>{@code <|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n}</pre>
 *
 * <p>Special tokens are placed by id; text is encoded without them. "user\n" is encoded together with the text,
 * "assistant\n" and an earlier answer apart, because generation starts after the header's tokens.
 */
public final class ChatTemplate {
    private final Tokenizer tokenizer;
    private final int startId;
    private final int stopId;

    /** {@code startId} and the first of {@code stop_ids} come from bundle.json. */
    public ChatTemplate(Tokenizer tokenizer, int startId, int stopId) {
        this.tokenizer = tokenizer;
        this.startId = startId;
        this.stopId = stopId;
    }

    /** Ids up to where the answer begins; PromptException for an unknown role or where there is no text at all. */
    public int[] prompt(List<Message> messages) {
        boolean empty = true;
        for (Message message : messages) {
            empty &= Unicode.isBlank(message.content());
        }
        if (empty) {
            throw new PromptException("The prompt is empty: there is no text to answer.");
        }
        Ids ids = new Ids();
        for (Message message : messages) {
            turn(message, ids);
        }
        ids.add(startId);
        ids.addAll(tokenizer.text("assistant\n"));
        return ids.toArray();
    }

    private void turn(Message message, Ids ids) {
        ids.add(startId);
        switch (message.role()) {
            case "assistant" -> {
                ids.addAll(tokenizer.text("assistant\n"));
                ids.addAll(tokenizer.text(message.content()));
            }
            case "system", "user" -> ids.addAll(tokenizer.text(message.role() + "\n" + message.content()));
            default -> throw new PromptException(
                    "A message has the role '" + message.role() + "'; known are system, user, assistant.");
        }
        ids.add(stopId);
        ids.addAll(tokenizer.text("\n"));
    }
}
