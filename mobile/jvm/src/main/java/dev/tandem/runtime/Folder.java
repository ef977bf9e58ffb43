package dev.tandem.runtime;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;

/** Where the files of an exported folder are: a directory, or the assets of an app. */
public interface Folder {
    /** FileNotFoundException where there is no such file. */
    InputStream open(String name) throws IOException;

    /** Bytes of a file; FileNotFoundException where there is no such file. */
    long size(String name) throws IOException;

    /** A directory. */
    static Folder of(File directory) {
        return new Folder() {
            @Override
            public InputStream open(String name) throws IOException {
                return new FileInputStream(new File(directory, name));
            }

            @Override
            public long size(String name) throws IOException {
                File file = new File(directory, name);
                if (!file.isFile()) {
                    throw new FileNotFoundException(file.getPath());
                }
                return file.length();
            }

            @Override
            public String toString() {
                return directory.getPath();
            }
        };
    }
}
