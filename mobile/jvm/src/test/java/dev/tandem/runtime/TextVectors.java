package dev.tandem.runtime;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;

/** tokenizer.json and chat_template.json. */
final class TextVectors {
    private TextVectors() {}

    static void run(Vectors vectors) {
        Map<String, Object> tokenizer = vectors.file("tokenizer");
        BitSet spelled = singleBytes(vectors);
        vectors.each(tokenizer, "tokenizer", "encode", values -> {
            String text = (String) values.get("text");
            int[] ids = vectors.tokenizer.text(text);
            Vectors.check("ids of '" + text + "'", Json.integers(values.get("ids"), "ids"), ids);
            Vectors.check("text back", without(text, spelled), vectors.tokenizer.decode(ids));
            for (int id : ids) {
                Vectors.check("special", false, vectors.tokenizer.special().contains(id));
            }
        });
        vectors.each(tokenizer, "tokenizer", "decode", values -> Vectors.check("text", values.get("text"),
                vectors.tokenizer.decode(Json.integers(values.get("ids"), "ids"))));
        template(vectors, vectors.file("chat_template"));
    }

    /** The bytes that have a token: a trimmed vocabulary lacks some control characters. */
    private static BitSet singleBytes(Vectors vectors) {
        BitSet found = new BitSet();
        for (int id = 0; id < vectors.bundle.vocabSize; id++) {
            byte[] bytes = vectors.tokenizer.bytes(id);
            if (bytes.length == 1) {
                found.set(bytes[0] & 0xFF);
            }
        }
        return found;
    }

    private static String without(String text, BitSet spelled) {
        ByteArrayOutputStream kept = new ByteArrayOutputStream();
        for (byte value : Utf8.encode(text)) {
            if (spelled.get(value & 0xFF)) {
                kept.write(value);
            }
        }
        return Utf8.decode(kept.toByteArray());
    }

    private static void template(Vectors vectors, Map<String, Object> file) {
        ChatTemplate template = new ChatTemplate(vectors.tokenizer, Json.integer(file.get("start_id"), "start_id"),
                Json.integer(file.get("stop_id"), "stop_id"));
        vectors.each(file, "chat_template", "cases", values -> {
            List<Message> messages = messages(values);
            if (values.containsKey("error")) {
                String message = Vectors.refused(PromptException.class, () -> template.prompt(messages)).getMessage();
                Vectors.check("error", values.get("error"), message.contains("empty") ? "empty" : "role");
            } else {
                Vectors.check("ids", Json.integers(values.get("ids"), "ids"), template.prompt(messages));
            }
        });
    }

    private static List<Message> messages(Map<String, Object> values) {
        List<Message> messages = new ArrayList<>();
        for (Object entry : Json.array(values.get("messages"), "messages")) {
            Map<String, Object> message = Json.object(entry, "message");
            messages.add(new Message((String) message.get("role"), content(message.get("content"))));
        }
        return messages;
    }

    /** Java's messages are text; parts are joined by who makes them. */
    private static String content(Object content) {
        if (content instanceof String text) {
            return text;
        }
        StringBuilder joined = new StringBuilder();
        for (Object part : Json.array(content, "content")) {
            joined.append(Json.object(part, "part").get("text"));
        }
        return joined.toString();
    }
}
