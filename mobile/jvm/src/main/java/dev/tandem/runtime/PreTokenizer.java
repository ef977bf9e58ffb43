package dev.tandem.runtime;

import java.util.ArrayList;
import java.util.List;

/**
 * Cuts text into the words that byte-level BPE works on, as GPT-2's regular expression does (Radford et al. 2019):
 *
 * <pre>{@code 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+}</pre>
 *
 * <p>Written by hand on code points; see {@link Unicode} for why no regular expression is used.
 */
final class PreTokenizer {
    private static final String[] CONTRACTIONS = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

    private final boolean singleDigits;

    /** {@code singleDigits}: each digit is a word of its own, as SmolLM2's pre-tokenizer "Digits" wants it. */
    PreTokenizer(boolean singleDigits) {
        this.singleDigits = singleDigits;
    }

    /** The words of a text; joined they are the text. */
    List<String> words(String text) {
        List<String> words = new ArrayList<>();
        int start = 0;
        for (int at = 0; singleDigits && at < text.length(); ) {
            int code = text.codePointAt(at);
            int next = at + Character.charCount(code);
            if (Unicode.isNumber(code)) {
                cut(text.substring(start, at), words);
                words.add(text.substring(at, next));
                start = next;
            }
            at = next;
        }
        cut(text.substring(start), words);
        return words;
    }

    private static void cut(String text, List<String> words) {
        int at = 0;
        while (at < text.length()) {
            int end = wordEnd(text, at);
            words.add(text.substring(at, end));
            at = end;
        }
    }

    private static int wordEnd(String text, int at) {
        for (String contraction : CONTRACTIONS) {
            if (text.startsWith(contraction, at)) {
                return at + contraction.length();
            }
        }
        int first = at + (text.charAt(at) == ' ' ? 1 : 0); // one space belongs to the word after it
        if (first < text.length() && kind(text.codePointAt(first)) != Kind.SPACE) {
            return runEnd(text, first);
        }
        int end = runEnd(text, at);
        // Of several white spaces the last is left to the word that follows.
        int last = text.offsetByCodePoints(end, -1);
        return end < text.length() && last > at ? last : end;
    }

    private static int runEnd(String text, int start) {
        Kind kind = kind(text.codePointAt(start));
        int at = start;
        while (at < text.length() && kind(text.codePointAt(at)) == kind) {
            at += Character.charCount(text.codePointAt(at));
        }
        return at;
    }

    private enum Kind { SPACE, LETTER, NUMBER, OTHER }

    private static Kind kind(int code) {
        if (Unicode.isWhiteSpace(code)) {
            return Kind.SPACE;
        }
        return Unicode.isLetter(code) ? Kind.LETTER : Unicode.isNumber(code) ? Kind.NUMBER : Kind.OTHER;
    }
}
