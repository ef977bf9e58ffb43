package dev.tandem.runtime;

/**
 * The classes of characters that the tokenizer and the constraint ask for, on code points.
 *
 * <p>By hand and not by java.util.regex, whose {@code \s}, {@code \w} and {@code \p{…}} mean one thing on a desktop's
 * JVM and another on Android, which runs ICU. {@link Character#getType(int)} is the Unicode general category on both;
 * only characters younger than a device's Unicode version can differ there (they count as no letter).
 */
final class Unicode {
    private Unicode() {}

    /** General category L*. */
    static boolean isLetter(int code) {
        return switch (Character.getType(code)) {
            case Character.UPPERCASE_LETTER, Character.LOWERCASE_LETTER, Character.TITLECASE_LETTER,
                    Character.MODIFIER_LETTER, Character.OTHER_LETTER -> true;
            default -> false;
        };
    }

    /** General category N*. */
    static boolean isNumber(int code) {
        return switch (Character.getType(code)) {
            case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
            default -> false;
        };
    }

    /** The property White_Space: {@code \s} of the tokenizer's regular expression. */
    static boolean isWhiteSpace(int code) {
        return (code >= 0x09 && code <= 0x0D) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680
                || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F
                || code == 0x205F || code == 0x3000;
    }

    /** White space of Python's str.isspace, which counts four separators of information more. */
    static boolean isSpace(int code) {
        return isWhiteSpace(code) || (code >= 0x1C && code <= 0x1F);
    }

    /** A letter or digit of a script with spaces between words (letters without case, category Lo, have none). */
    static boolean isWordPart(int code) {
        return Character.getType(code) != Character.OTHER_LETTER && (isLetter(code) || isNumber(code));
    }

    /** Whether there is nothing but white space in {@code text}. */
    static boolean isBlank(String text) {
        for (int at = 0; at < text.length(); at += Character.charCount(text.codePointAt(at))) {
            if (!isSpace(text.codePointAt(at))) {
                return false;
            }
        }
        return true;
    }
}
