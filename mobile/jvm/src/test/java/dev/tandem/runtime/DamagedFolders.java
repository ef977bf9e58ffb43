package dev.tandem.runtime;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** damaged.json: each edit of a fresh copy of the folder must be refused. */
final class DamagedFolders {
    private DamagedFolders() {}

    static void run(Vectors vectors) {
        Map<String, Object> file = vectors.file("damaged");
        Map<String, Object> model = Json.object(file.get("model"), "model");
        vectors.one("damaged: the intact folder", () -> load(vectors.prebuilt, model));
        vectors.one("damaged: a golden prompt without a sure id is taken", () -> {
            String edit = "{\"op\":\"set\",\"path\":[\"golden\",\"first_ids\",\"int8\"],\"value\":[]}";
            edited(vectors.prebuilt, Arrays.asList(Json.read(edit)), copy ->
                    Vectors.check("ids", 0, new Bundle(Folder.of(copy)).goldenIds("int8").length));
        });
        vectors.one("damaged: a verify signature without a size", () -> {
            String edit = "{\"op\":\"set\",\"path\":[\"variants\",\"int8\",\"signatures\",\"verify_x\"],\"value\":{}}";
            edited(vectors.prebuilt, Arrays.asList(Json.read(edit)), copy ->
                    Vectors.refused(ModelException.class, () -> new Bundle(Folder.of(copy))));
        });
        vectors.each(file, "damaged", "cases", values -> edited(vectors.prebuilt,
                Json.array(values.get("edits"), "edits"), copy -> check(copy, model, (String) values.get("name"))));
    }

    /** A copy of the folder with some edits, for a while. */
    private static void edited(File prebuilt, List<Object> edits, Consumer<File> use) {
        try {
            Path copy = Files.createTempDirectory("tandem");
            try {
                for (File one : prebuilt.listFiles()) {
                    if (one.isFile()) {
                        Files.copy(one.toPath(), copy.resolve(one.getName()));
                    }
                }
                for (Object edit : edits) {
                    edit(copy, Json.object(edit, "edit"));
                }
                use.accept(copy.toFile());
            } finally {
                remove(copy);
            }
        } catch (IOException error) {
            throw new AssertionError(edits + ": " + error);
        }
    }

    private static void check(File copy, Map<String, Object> model, String name) {
        try {
            load(copy, model);
        } catch (ModelException error) {
            Vectors.check(name + ": a message for people", true, error.getMessage().length() > 20);
            return;
        }
        throw new AssertionError(name + " was not refused");
    }

    /** What an app does at start, with a runner that has the model's shape and gives the golden ids. */
    private static void load(File folder, Map<String, Object> model) {
        Bundle bundle = new Bundle(Folder.of(folder));
        String variant = bundle.defaultVariant();
        int[] golden = bundle.goldenIds(variant);
        FakeRunner runner = new FakeRunner(Json.integer(model.get("window"), "window"),
                Json.integer(model.get("vocab_size"), "vocab_size"), Json.integers(model.get("buckets"), "buckets"),
                golden);
        if (bundle.litertlmFile != null) {
            bundle.checkHash(bundle.litertlmFile); // as the app that runs this file does
        }
        new Chat(bundle, variant, runner).selfTest();
    }

    private static void edit(Path copy, Map<String, Object> edit) throws IOException {
        Path bundle = copy.resolve("bundle.json");
        Path file = edit.containsKey("file") ? copy.resolve((String) edit.get("file")) : bundle;
        switch ((String) edit.get("op")) {
            case "text" -> write(bundle, (String) edit.get("value"));
            case "delete_file" -> Files.delete(file);
            case "truncate_file" -> Files.write(file,
                    Arrays.copyOf(Files.readAllBytes(file), Json.integer(edit.get("bytes"), "bytes")));
            case "change_byte" -> invert(file, Json.integer(edit.get("at"), "at"));
            case "set", "remove" -> change(bundle, edit);
            default -> throw new AssertionError("unknown edit " + edit.get("op"));
        }
    }

    private static void invert(Path file, int at) throws IOException {
        try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
            opened.seek(at);
            int value = opened.read();
            opened.seek(at);
            opened.write(~value);
        }
    }

    private static void change(Path bundle, Map<String, Object> edit) throws IOException {
        Object root = Json.read(new String(Files.readAllBytes(bundle), StandardCharsets.UTF_8));
        Object copied = copied(root);
        Object target = copied;
        List<Object> path = Json.array(edit.get("path"), "path");
        for (Object key : path.subList(0, path.size() - 1)) {
            target = key instanceof String name ? Json.object(target, name).get(name)
                    : Json.array(target, "list").get(Json.integer(key, "index"));
        }
        String last = (String) path.get(path.size() - 1);
        if ("set".equals(edit.get("op"))) {
            Json.object(target, last).put(last, edit.get("value"));
        } else {
            Json.object(target, last).remove(last);
        }
        write(bundle, JsonText.of(copied));
    }

    private static Object copied(Object value) {
        if (!(value instanceof Map)) {
            return value;
        }
        Map<String, Object> all = new LinkedHashMap<>();
        Json.object(value, "object").forEach((key, member) -> all.put(key, copied(member)));
        return all;
    }

    private static void write(Path path, String text) throws IOException {
        Files.write(path, text.getBytes(StandardCharsets.UTF_8));
    }

    private static void remove(Path folder) throws IOException {
        for (File one : folder.toFile().listFiles()) {
            Files.delete(one.toPath());
        }
        Files.delete(folder);
    }
}
