package dev.tandem.runtime;

import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.LinkedHashMap;
import java.util.Map;

/** The files of an exported folder against what bundle.json recorded of them: size and sha256. */
final class BundleFiles {
    private record Recorded(int bytes, String sha256) {}

    private final Folder folder;
    private final Map<String, Recorded> entries = new LinkedHashMap<>();

    BundleFiles(Folder folder) {
        this.folder = folder;
    }

    /** Takes the entries of bundle.json, and compares the sizes of the files. */
    void take(Map<String, Object> recorded) {
        for (Map.Entry<String, Object> entry : recorded.entrySet()) {
            String name = entry.getKey();
            if (name.indexOf('/') >= 0 || name.indexOf('\\') >= 0 || name.startsWith("..")) {
                throw new IllegalArgumentException("'" + name + "' is no plain file name");
            }
            Map<String, Object> values = Json.object(entry.getValue(), name);
            entries.put(name, new Recorded(Json.integer(values.get("bytes"), "bytes of " + name),
                    Json.string(values.get("sha256"), "sha256 of " + name)));
            checkSize(name);
        }
    }

    private void checkSize(String name) {
        int expected = entries.get(name).bytes();
        try {
            long found = folder.size(name);
            if (found != expected) {
                throw new ModelException(folder + "/" + name + " has " + found + " bytes, bundle.json says " + expected
                        + ": it is truncated or of another export. Copy the whole folder again.");
            }
        } catch (IOException error) {
            throw unreadable(name, error);
        }
    }

    /** The name of a file that bundle.json lists; IllegalArgumentException elsewhere. */
    String listed(String name) {
        if (!entries.containsKey(name)) {
            throw new IllegalArgumentException("'" + name + "' is not among its files");
        }
        return name;
    }

    /** The recorded hash of a file, in hexadecimal. */
    String sha256(String name) {
        return entries.get(listed(name)).sha256();
    }

    /** The text of a file whose hash is the recorded one. */
    String read(String name) {
        byte[] contents = bytes(name);
        compare(name, digest().digest(contents));
        return Utf8.decode(contents);
    }

    /** ModelException where a file's sha256 is not the recorded one. */
    void checkHash(String name) {
        MessageDigest digest = digest();
        try (InputStream stream = folder.open(name)) {
            byte[] part = new byte[1 << 16];
            for (int count = stream.read(part); count >= 0; count = stream.read(part)) {
                digest.update(part, 0, count);
            }
        } catch (IOException error) {
            throw unreadable(name, error);
        }
        compare(name, digest.digest());
    }

    private void compare(String name, byte[] found) {
        StringBuilder text = new StringBuilder();
        for (byte value : found) {
            text.append(Character.forDigit(value >> 4 & 15, 16)).append(Character.forDigit(value & 15, 16));
        }
        if (!entries.containsKey(name) || !text.toString().equals(entries.get(name).sha256())) {
            throw new ModelException(
                    folder + "/" + name + " is damaged: its sha256 is not the one in bundle.json. Copy it again.");
        }
    }

    private static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException("every JVM and every Android has SHA-256", error);
        }
    }

    /** The contents of a file, whatever its hash. */
    byte[] bytes(String name) {
        try (InputStream stream = folder.open(name)) {
            ByteArrayOutputStream contents = new ByteArrayOutputStream();
            byte[] part = new byte[1 << 16];
            for (int count = stream.read(part); count >= 0; count = stream.read(part)) {
                contents.write(part, 0, count);
            }
            return contents.toByteArray();
        } catch (IOException error) {
            throw unreadable(name, error);
        }
    }

    private ModelException unreadable(String name, IOException error) {
        boolean missing = error instanceof FileNotFoundException;
        return new ModelException(folder + "/" + name + (missing ? " does not exist." : " cannot be read.")
                + " Copy the whole exported folder to the device.", error);
    }
}
