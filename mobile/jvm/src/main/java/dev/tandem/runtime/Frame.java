package dev.tandem.runtime;

import java.util.Arrays;
import java.util.List;

/**
 * A part of the grammar of calls: fixed bytes, the inside of a string, an excerpt, a number, parts one after the
 * other, or a choice. Those that stand on top of an automaton's stack are compared by value, a thing of its caches.
 */
sealed interface Frame permits Frame.Literal, Frame.Series, Frame.Choice, StringBody, Excerpt, NumberPrefix {
    /** Fixed bytes, from {@code from} on; never empty. */
    final class Literal implements Frame {
        final byte[] bytes;
        final int from;

        Literal(byte[] bytes, int from) {
            this.bytes = bytes;
            this.from = from;
        }

        static Literal of(String text) {
            return new Literal(Utf8.encode(text), 0);
        }

        int first() {
            return bytes[from] & 0xFF;
        }

        int length() {
            return bytes.length - from;
        }

        /** What is left after the first byte; null where nothing is. */
        Literal rest() {
            return length() > 1 ? new Literal(bytes, from + 1) : null;
        }

        @Override
        public boolean equals(Object object) {
            if (!(object instanceof Literal other) || length() != other.length()) {
                return false;
            }
            for (int index = 0; index < length(); index++) {
                if (bytes[from + index] != other.bytes[other.from + index]) {
                    return false;
                }
            }
            return true;
        }

        @Override
        public int hashCode() {
            int hash = length();
            for (int index = from; index < bytes.length; index++) {
                hash = 31 * hash + bytes[index];
            }
            return hash;
        }
    }

    /** Parts one after the other. */
    final class Series implements Frame {
        final List<Frame> parts;

        Series(Frame... parts) {
            this.parts = Arrays.asList(parts);
        }
    }

    /** One of the options; {@code loops}: the first of them ends it, and the others lead back here. */
    final class Choice implements Frame {
        final List<Frame> options;
        final boolean loops;

        Choice(List<Frame> options, boolean loops) {
            this.options = options;
            this.loops = loops;
        }

        static Choice of(Frame... options) {
            return new Choice(Arrays.asList(options), false);
        }
    }
}
