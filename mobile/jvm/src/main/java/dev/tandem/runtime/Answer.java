package dev.tandem.runtime;

/**
 * What one question brought back. {@code ids} are without the stop id; {@code stopped} is false where the budget, the
 * window or the user ended the answer. Times are in nanoseconds: {@code first} from the question to the first new
 * token, {@code total} of the whole. {@code refused}: tokens that the constraint replaced.
 */
public record Answer(String text, int[] ids, boolean stopped, boolean cancelled, int promptTokens, long first,
        long total, int refused) {
    /** Decode speed after the first token; 0 where there are not two. */
    public double tokensPerSecond() {
        return ids.length > 1 && total > first ? (ids.length - 1) * 1e9 / (total - first) : 0;
    }
}
