package dev.tandem.runtime;

import java.util.Locale;

/** What an answer may be. */
public enum Constrain {
    /** Any text. */
    OFF,
    /** Valid calls only. */
    SCHEMA,
    /** Valid calls whose open strings are cut from the user's text. */
    SUBSTRINGS;

    /** The kind that bundle.json names; ModelException where it is unknown. */
    static Constrain of(String name) {
        for (Constrain kind : values()) {
            if (kind.name().toLowerCase(Locale.ROOT).equals(name)) {
                return kind;
            }
        }
        throw new ModelException("bundle.json recommends constrain '" + name + "'; known are off, schema, substrings.");
    }
}
