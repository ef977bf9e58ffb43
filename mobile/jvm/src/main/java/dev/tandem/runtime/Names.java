package dev.tandem.runtime;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Names as people say them against the names of a home: how alike they are, and which one is meant.
 *
 * <p>Whole numbers only, so that every language finds the same: "Names" in mobile/contract/README.md defines it.
 */
final class Names {
    private static final int ACCEPT = 85; // percent; "living room" and "dining room" are 81 alike
    private static final int SUGGEST = 50; // percent
    private static final int SUGGESTIONS = 3;

    /** A thing of the home: its name, and the keys of the name and of its aliases. */
    record Entry(String name, List<String> keys) {
        /** How alike the best of its names is. */
        int percent(String said) {
            int best = 0;
            for (String own : keys) {
                if (mayBeAlike(said.length(), own.length())) {
                    best = Math.max(best, Names.percent(said, own));
                }
            }
            return best;
        }

        /** The distance is at least the difference of the lengths (in code points: at most half of UTF-16's). */
        private static boolean mayBeAlike(int one, int other) {
            return 4L * Math.min(one, other) >= Math.max(one, other);
        }

        private String nearest(String said) {
            String found = keys.get(0);
            for (String own : keys) {
                found = Names.percent(said, own) > Names.percent(said, found) ? own : found;
            }
            return found;
        }
    }

    /** What a name stands for: {@code name}, or where that is unclear suggestions (none: nothing is similar). */
    record Found(String name, List<String> suggestions) {}

    private record Ranked(int percent, Entry entry) {}

    private Names() {}

    /** A name without case, accents, punctuation and superfluous spaces. */
    static String key(String text) {
        StringBuilder key = new StringBuilder();
        boolean space = false;
        for (int code : Normalizer.normalize(text, Normalizer.Form.NFD).codePoints().toArray()) {
            int type = Character.getType(code);
            if (type == Character.NON_SPACING_MARK) {
                continue;
            }
            boolean mark = type == Character.COMBINING_SPACING_MARK || type == Character.ENCLOSING_MARK;
            if (mark || Unicode.isLetter(code) || Unicode.isNumber(code)) {
                key.append(space && key.length() > 0 ? " " : "").appendCodePoint(Character.toLowerCase(code));
                space = false;
            } else {
                space = true;
            }
        }
        return key.toString();
    }

    /** How alike two keys are, 0 to 100; 0 where one is empty. */
    static int percent(String one, String other) {
        int[] a = one.codePoints().toArray();
        int[] b = other.codePoints().toArray();
        int longer = Math.max(a.length, b.length);
        return a.length == 0 || b.length == 0 ? 0 : 100 * (longer - distance(a, b)) / longer;
    }

    /** Optimal string alignment: a letter put in, left out or replaced, or two neighbours swapped, cost 1 each. */
    private static int distance(int[] a, int[] b) {
        int[] earlier = new int[b.length + 1];
        int[] above = new int[b.length + 1];
        for (int j = 0; j <= b.length; j++) {
            above[j] = j;
        }
        for (int i = 1; i <= a.length; i++) {
            int[] row = new int[b.length + 1];
            row[0] = i;
            for (int j = 1; j <= b.length; j++) {
                int change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.min(change, Math.min(above[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                    row[j] = Math.min(row[j], earlier[j - 2] + 1);
                }
            }
            earlier = above;
            above = row;
        }
        return above[b.length];
    }

    /** The entry that is meant by {@code said}. */
    static Found find(String said, List<Entry> entries) {
        String wanted = key(said);
        List<String> same = new ArrayList<>();
        for (Entry entry : entries) {
            if (!wanted.isEmpty() && entry.keys().contains(wanted)) {
                same.add(entry.name());
            }
        }
        return same.isEmpty() ? similar(wanted, entries) : same.size() == 1 ? taken(same.get(0)) : unclear(same);
    }

    private static Found similar(String wanted, List<Entry> entries) {
        List<Ranked> ranked = new ArrayList<>();
        for (Entry entry : entries) {
            ranked.add(new Ranked(entry.percent(wanted), entry));
        }
        ranked.sort((a, b) -> Integer.compare(b.percent(), a.percent())); // stable: equal ones in the list's order
        if (isClear(wanted, ranked)) {
            return taken(ranked.get(0).entry().name());
        }
        List<String> suggestions = new ArrayList<>();
        for (Ranked one : ranked) {
            if (one.percent() >= SUGGEST) {
                suggestions.add(one.entry().name());
            }
        }
        return unclear(suggestions);
    }

    private static Found taken(String name) {
        return new Found(name, Collections.emptyList());
    }

    private static Found unclear(List<String> names) {
        return new Found(null, new ArrayList<>(names.subList(0, Math.min(SUGGESTIONS, names.size()))));
    }

    /** Whether the best is alike enough and alone, and its digits are those that were said. */
    private static boolean isClear(String wanted, List<Ranked> ranked) {
        if (ranked.isEmpty() || ranked.get(0).percent() < ACCEPT
                || (ranked.size() > 1 && ranked.get(1).percent() == ranked.get(0).percent())) {
            return false;
        }
        return digits(ranked.get(0).entry().nearest(wanted)).equals(digits(wanted));
    }

    private static String digits(String text) {
        StringBuilder digits = new StringBuilder();
        for (int code : text.codePoints().toArray()) {
            if (Character.getType(code) == Character.DECIMAL_DIGIT_NUMBER) {
                digits.appendCodePoint(code);
            }
        }
        return digits.toString();
    }
}
