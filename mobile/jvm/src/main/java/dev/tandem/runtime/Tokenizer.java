package dev.tandem.runtime;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Byte-level BPE from a {@code tokenizer.json} of Hugging Face's tokenizers, for text that people typed.
 *
 * <p>{@link #text} never gives a special token: {@code <|im_end|>} typed by a user stays plain text, and
 * {@link ChatTemplate} places the special ids. Thread-safe: nothing changes after the constructor.
 */
public final class Tokenizer {
    private final PreTokenizer preTokenizer;
    private final BytePairMerges merges = new BytePairMerges();
    private final Map<String, Integer> words = new HashMap<>();
    private final Map<Integer, byte[]> spelled = new HashMap<>();
    private final Set<Integer> special = new HashSet<>();
    private final List<String> specialTexts = new ArrayList<>();
    private final int[] byteIds = new int[256];
    private final boolean wholeWordsFirst;

    /** Reads the contents of tokenizer.json; ModelException where it is damaged or of another kind. */
    public Tokenizer(String json) {
        try {
            Map<String, Object> values = Json.object(Json.read(json), "the file");
            Map<String, Object> model = Json.object(values.get("model"), "model");
            refuseOthers(values, model);
            preTokenizer = new PreTokenizer(singleDigits(values.get("pre_tokenizer")));
            wholeWordsFirst = Boolean.TRUE.equals(model.get("ignore_merges"));
            readSpecial(values.get("added_tokens"));
            readVocabulary(Json.object(model.get("vocab"), "vocab"));
            readMerges(Json.array(model.get("merges"), "merges"));
        } catch (IllegalArgumentException error) {
            throw new ModelException(
                    "tokenizer.json cannot be read as a tokenizer (" + error.getMessage() + "). Copy the folder again.",
                    error);
        }
    }

    /** Ids of plain text, never special ones; PromptException where a surrogate stands alone. */
    public int[] text(String content) {
        if (Utf8.hasLoneSurrogate(content)) {
            throw new PromptException("The text is not valid Unicode: half of a surrogate pair is missing.");
        }
        Ids ids = new Ids();
        for (String word : preTokenizer.words(content)) {
            byte[] bytes = Utf8.encode(word);
            Integer whole = wholeWordsFirst ? words.get(ByteLetters.write(bytes)) : null;
            if (whole != null) {
                ids.add(whole);
            } else {
                ids.addAll(merges.apply(symbols(bytes)));
            }
        }
        return ids.toArray();
    }

    /** The bytes that a token spells; none for special tokens and ids outside the vocabulary. */
    public byte[] bytes(int id) {
        byte[] found = spelled.get(id);
        return found == null ? new byte[0] : found.clone();
    }

    /** The text of the ids without special tokens. */
    public String decode(int[] ids) {
        ByteArrayOutputStream joined = new ByteArrayOutputStream();
        for (int id : ids) {
            byte[] bytes = bytes(id);
            joined.write(bytes, 0, bytes.length);
        }
        return Utf8.decode(joined.toByteArray());
    }

    /**
     * The text with a space in each special token that is typed in it: for runtimes that tokenise the text themselves
     * and would take {@code <|im_end|>} for the end of the turn, as LiteRT-LM does.
     */
    public String withoutSpecial(String text) {
        String plain = text;
        for (String name : specialTexts) {
            plain = plain.replace(name, name.charAt(0) + " " + name.substring(1));
        }
        return plain;
    }

    /** Ids of the tokens as tokenizer.json writes them, bytes as {@link ByteLetters}. */
    Map<String, Integer> vocabulary() {
        return Collections.unmodifiableMap(words);
    }

    /** Ids of the special tokens. */
    public Set<Integer> special() {
        return new HashSet<>(special);
    }

    /** Ids of single bytes. A byte that a trimmed vocabulary lacks is left out, as Hugging Face's tokenizers does. */
    private int[] symbols(byte[] bytes) {
        Ids ids = new Ids();
        for (byte value : bytes) {
            if (byteIds[value & 0xFF] >= 0) {
                ids.add(byteIds[value & 0xFF]);
            }
        }
        return ids.toArray();
    }

    private static void refuseOthers(Map<String, Object> values, Map<String, Object> model) {
        boolean plain = values.get("normalizer") == null && isUnset(model.get("continuing_subword_prefix"))
                && isUnset(model.get("end_of_word_suffix")) && isUnset(model.get("dropout"));
        if (!"BPE".equals(model.get("type")) || !plain || !ends(values.get("decoder"), "ByteLevel")) {
            throw new IllegalArgumentException("it is not byte-level BPE without a normalizer");
        }
    }

    private static boolean isUnset(Object value) {
        return value == null || "".equals(value);
    }

    private static boolean ends(Object part, String type) {
        return part != null && type.equals(Json.object(part, type).get("type"));
    }

    /** Whether digits are split: [Digits, ByteLevel] does, ByteLevel alone does not, all else is refused. */
    private static boolean singleDigits(Object part) {
        Map<String, Object> settings = Json.object(part, "pre_tokenizer");
        if (!"Sequence".equals(settings.get("type"))) {
            requireByteLevel(settings);
            return false;
        }
        List<Object> parts = Json.array(settings.get("pretokenizers"), "pretokenizers");
        Map<String, Object> first = Json.object(parts.get(0), "pretokenizers");
        if (parts.size() != 2 || !"Digits".equals(first.get("type"))
                || !Boolean.TRUE.equals(first.get("individual_digits"))) {
            throw new IllegalArgumentException("its pre_tokenizer is not known here");
        }
        requireByteLevel(Json.object(parts.get(1), "pretokenizers"));
        return true;
    }

    private static void requireByteLevel(Map<String, Object> settings) {
        if (!"ByteLevel".equals(settings.get("type")) || Boolean.TRUE.equals(settings.get("add_prefix_space"))
                || Boolean.FALSE.equals(settings.get("use_regex"))) {
            throw new IllegalArgumentException("its pre_tokenizer is not known here");
        }
    }

    private void readSpecial(Object added) {
        for (Object entry : Json.array(added, "added_tokens")) {
            Map<String, Object> token = Json.object(entry, "added_tokens");
            special.add(Json.integer(token.get("id"), "added_tokens"));
            String text = Json.string(token.get("content"), "added_tokens");
            if (text.isEmpty()) {
                throw new IllegalArgumentException("a special token has no text");
            }
            specialTexts.add(text);
        }
    }

    private void readVocabulary(Map<String, Object> vocabulary) {
        for (Map.Entry<String, Object> entry : vocabulary.entrySet()) {
            int id = Json.integer(entry.getValue(), "vocab");
            words.put(entry.getKey(), id);
            if (!special.contains(id)) {
                byte[] bytes = ByteLetters.read(entry.getKey());
                spelled.put(id, bytes != null ? bytes : Utf8.encode(entry.getKey()));
            }
        }
        for (int value = 0; value < 256; value++) {
            Integer id = words.get(ByteLetters.write(new byte[] {(byte) value}));
            byteIds[value] = id == null ? -1 : id;
        }
    }

    private void readMerges(List<Object> pairs) {
        for (Object pair : pairs) {
            List<Object> parts = pair instanceof String text
                    ? Arrays.<Object>asList((Object[]) text.split(" ")) : Json.array(pair, "merges");
            if (parts.size() != 2) {
                throw new IllegalArgumentException("a merge has not two parts");
            }
            Integer left = words.get(parts.get(0));
            Integer right = words.get(parts.get(1));
            Integer result = words.get("" + parts.get(0) + parts.get(1));
            if (left == null || right == null || result == null) {
                throw new IllegalArgumentException("a merge has a part that is no token");
            }
            merges.add(left, right, result);
        }
    }
}
