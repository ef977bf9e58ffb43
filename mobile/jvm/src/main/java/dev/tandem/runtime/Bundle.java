package dev.tandem.runtime;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The checked contents of bundle.json: what an exported folder holds and how it wants to be used.
 *
 * <p>A missing or truncated file is found here, by its size, and not as strange text later: ModelException. A changed
 * one is found by {@link #read} and {@link #checkHash}.
 */
public final class Bundle {
    public static final int FORMAT_VERSION = 1;
    private static final String NAME = "bundle.json";
    private static final String VERIFY = "verify_";

    public final int window;
    public final int vocabSize;
    public final int startId;
    public final int[] stopIds;
    public final int[] buckets;
    public final String tokenizerFile;
    /** Null where the data has no functions. */
    public final String toolsFile;
    /** Null where no .litertlm file was exported. */
    public final String litertlmFile;
    public final Constrain constrain;

    private final Folder folder;
    private final BundleFiles files;
    private final Map<String, Map<String, Object>> variants = new LinkedHashMap<>();
    private final Map<String, Object> golden;

    /** Reads FOLDER/bundle.json and compares the sizes of the files beside it. */
    public Bundle(Folder folder) {
        this.folder = folder;
        this.files = new BundleFiles(folder);
        try {
            Map<String, Object> values = Json.object(Json.read(Utf8.decode(files.bytes(NAME))), NAME);
            checkVersion(values.get("format_version"));
            window = positive(values, "window");
            vocabSize = positive(values, "vocab_size");
            startId = id(Json.integer(values.get("start_id"), "start_id"), "start_id");
            stopIds = some(values.get("stop_ids"), "stop_ids");
            buckets = Json.integers(values.get("prefill"), "prefill");
            checkBuckets();
            files.take(Json.object(values.get("files"), "files"));
            tokenizerFile = files.listed(Json.string(values.get("tokenizer_file"), "tokenizer_file"));
            toolsFile = optional(values, "tools_file");
            litertlmFile = optional(values, "litertlm_file");
            readVariants(Json.object(values.get("variants"), "variants"));
            golden = Json.object(values.get("golden"), "golden");
            checkGolden();
            String otherwise = toolsFile == null ? "off" : "schema";
            constrain = Constrain.of(Json.string(values.containsKey("constrain") ? values.get("constrain") : otherwise,
                    "constrain"));
        } catch (IllegalArgumentException error) {
            throw new ModelException(
                    folder + "/" + NAME + " is damaged (" + error.getMessage() + "). Copy the folder again.", error);
        }
    }

    /** The .tflite file of a variant; ModelException lists the variants there are. */
    public String modelFile(String variant) {
        return (String) variant(variant).get("file");
    }

    /** Names of the tensors that one call hands on to the next, sorted. */
    public List<String> cacheNames(String variant) {
        Map<String, Object> signatures = Json.object(variant(variant).get("signatures"), "signatures");
        Map<String, Object> decode = Json.object(signatures.get("decode"), "decode");
        List<String> names = new ArrayList<>();
        for (String name : Json.object(decode.get("inputs"), "inputs").keySet()) {
            if (name.startsWith("kv_cache_")) {
                names.add(name);
            }
        }
        names.sort(null);
        return names;
    }

    /** Tokens of the variant's verify signature; 0 without one, as in older exports. */
    public int verifySize(String variant) {
        int size = 0;
        for (String name : Json.object(variant(variant).get("signatures"), "signatures").keySet()) {
            if (name.startsWith(VERIFY)) {
                size = Math.max(size, Integer.parseInt(name.substring(VERIFY.length())));
            }
        }
        return size;
    }

    /** int8 where there is one, else the first by name. */
    public String defaultVariant() {
        List<String> names = new ArrayList<>(variants.keySet());
        names.sort(null);
        return variants.containsKey("int8") ? "int8" : names.get(0);
    }

    /** The messages of the golden prompt. */
    public List<Message> goldenMessages() {
        List<Message> messages = new ArrayList<>();
        for (Object entry : Json.array(golden.get("messages"), "messages")) {
            Map<String, Object> message = Json.object(entry, "messages");
            messages.add(new Message(Json.string(message.get("role"), "role"),
                    Json.string(message.get("content"), "content")));
        }
        return messages;
    }

    public int[] goldenPrompt() {
        return some(golden.get("prompt_ids"), "prompt_ids");
    }

    /** The first greedy ids after the golden prompt, up to the first that is close to a tie; perhaps none. */
    public int[] goldenIds(String variant) {
        Object found = Json.object(golden.get("first_ids"), "first_ids").get(variant);
        return ids(found, "first_ids of " + variant);
    }

    /** The recorded hash of a file, in hexadecimal. */
    public String sha256(String name) {
        return files.sha256(name);
    }

    /** The text of a file whose hash is the recorded one. */
    public String read(String name) {
        return files.read(name);
    }

    /** ModelException where a file's sha256 is not the recorded one. */
    public void checkHash(String name) {
        files.checkHash(name);
    }

    private void checkVersion(Object version) {
        if (!BigInteger.valueOf(FORMAT_VERSION).equals(version)) {
            throw new ModelException(folder + "/" + NAME + " has format_version " + version + ", this runtime reads "
                    + FORMAT_VERSION + ". Export again, or take the runtime that belongs to the folder.");
        }
    }

    private void checkBuckets() {
        for (int bucket : buckets) {
            if (bucket < 1 || bucket > window) {
                throw new IllegalArgumentException("prefill " + bucket + " is not within the window of " + window);
            }
        }
    }

    private void checkGolden() {
        if (goldenMessages().isEmpty()) {
            throw new IllegalArgumentException("messages is empty");
        }
        goldenPrompt();
        for (String variant : variants.keySet()) {
            goldenIds(variant);
        }
    }

    private void readVariants(Map<String, Object> entries) {
        for (Map.Entry<String, Object> entry : entries.entrySet()) {
            Map<String, Object> variant = Json.object(entry.getValue(), "variants");
            files.listed(Json.string(variant.get("file"), "file of " + entry.getKey()));
            variants.put(entry.getKey(), variant);
            if (cacheNames(entry.getKey()).isEmpty()) {
                throw new IllegalArgumentException(entry.getKey() + " has no caches");
            }
            verifySize(entry.getKey()); // refuses a name without a number
        }
        if (variants.isEmpty()) {
            throw new IllegalArgumentException("there are no variants");
        }
    }

    private Map<String, Object> variant(String name) {
        if (!variants.containsKey(name)) {
            throw new ModelException(folder + " has no variant '" + name + "'; it has " + variants.keySet() + ".");
        }
        return variants.get(name);
    }

    private String optional(Map<String, Object> values, String key) {
        return values.get(key) == null ? null : files.listed(Json.string(values.get(key), key));
    }

    private static int positive(Map<String, Object> values, String key) {
        int value = Json.integer(values.get(key), key);
        if (value < 1) {
            throw new IllegalArgumentException(key + " is " + value);
        }
        return value;
    }

    private int[] some(Object value, String where) {
        int[] ids = ids(value, where);
        if (ids.length == 0) {
            throw new IllegalArgumentException(where + " is empty");
        }
        return ids;
    }

    private int[] ids(Object value, String where) {
        int[] ids = Json.integers(value, where);
        for (int id : ids) {
            id(id, where);
        }
        return ids;
    }

    private int id(int id, String where) {
        if (id < 0 || id >= vocabSize) {
            throw new IllegalArgumentException(where + ": " + id + " is outside the vocabulary of " + vocabSize);
        }
        return id;
    }
}
