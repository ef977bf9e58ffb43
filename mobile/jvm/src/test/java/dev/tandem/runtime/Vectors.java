package dev.tandem.runtime;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The vector files and the folder that they were made from; remembers which case is being checked. */
final class Vectors {
    /** One case of a list. */
    interface Check {
        void run(Map<String, Object> values);
    }

    final File prebuilt;
    final Bundle bundle;
    final Tokenizer tokenizer;
    final List<Map<String, Object>> tools;
    private final File folder;
    private String current = "";
    private int passed;

    Vectors(File folder, File prebuilt) {
        this.folder = folder;
        this.prebuilt = prebuilt;
        this.bundle = new Bundle(Folder.of(prebuilt));
        this.tokenizer = new Tokenizer(bundle.read(bundle.tokenizerFile));
        this.tools = Tools.read(bundle.read(bundle.toolsFile));
    }

    String current() {
        return current;
    }

    int passed() {
        return passed;
    }

    /** A vector file, made from the files of the folder that is compared with. */
    Map<String, Object> file(String name) {
        try {
            byte[] bytes = Files.readAllBytes(new File(folder, name + ".json").toPath());
            Map<String, Object> values = Json.object(Json.read(new String(bytes, StandardCharsets.UTF_8)), name);
            check("format", 1, Json.integer(values.get("format"), "format"));
            for (Map.Entry<String, Object> input : Json.object(values.get("inputs"), "inputs").entrySet()) {
                check("the hash of " + input.getKey(), input.getValue(), hash(input.getKey()));
            }
            return values;
        } catch (IOException error) {
            throw new AssertionError("no vectors: " + error);
        }
    }

    private Object hash(String name) throws IOException {
        byte[] bytes = Files.readAllBytes(new File(prebuilt, name).toPath());
        try {
            StringBuilder text = new StringBuilder();
            for (byte value : MessageDigest.getInstance("SHA-256").digest(bytes)) {
                text.append(String.format("%02x", value));
            }
            return text.toString();
        } catch (NoSuchAlgorithmException error) {
            throw new AssertionError(error);
        }
    }

    /** Checks each case of a list, and says how many there were; none is a failure. */
    void each(Map<String, Object> values, String file, String list, Check check) {
        List<Object> cases = Json.array(values.get(list), list);
        if (cases.isEmpty()) {
            throw new AssertionError(file + "." + list + " is empty");
        }
        for (int index = 0; index < cases.size(); index++) {
            Map<String, Object> entry = Json.object(cases.get(index), list);
            one(file + "." + list + "[" + index + "]", () -> check.run(entry));
        }
        System.out.println("ok " + file + "." + list + " " + cases.size());
    }

    /** Checks one thing that has a name. */
    void one(String name, Runnable check) {
        current = name;
        check.run();
        passed++;
    }

    static void check(String what, Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError(what + ": expected " + expected + ", found " + found);
        }
    }

    static void check(String what, int[] expected, int[] found) {
        check(what, list(expected), list(found));
    }

    private static List<Integer> list(int[] ids) {
        List<Integer> all = new ArrayList<>();
        for (int id : ids) {
            all.add(id);
        }
        return all;
    }

    /** The exception that an action throws, which must be of a kind. */
    static <T extends Throwable> T refused(Class<T> kind, Runnable action) {
        try {
            action.run();
        } catch (RuntimeException error) {
            if (kind.isInstance(error)) {
                return kind.cast(error);
            }
            throw new AssertionError("expected " + kind.getSimpleName() + ", found " + error, error);
        }
        throw new AssertionError("expected " + kind.getSimpleName() + ", and nothing was refused");
    }
}
