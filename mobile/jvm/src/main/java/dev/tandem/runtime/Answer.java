package dev.tandem.runtime;

/**
 * What one question brought back. {@code ids} are without the stop id; {@code stopped} is false where the budget, the
 * window or the user ended the answer, or one of the first two cut it short: a constrained answer is a whole call even
 * so, but not the one the model meant. Times are in nanoseconds: {@code first} from the question to the first new token,
 * {@code total} of the whole. {@code refused}: tokens that the constraint replaced.
 */
public record Answer(String text, int[] ids, boolean stopped, boolean cancelled, int promptTokens, long first,
        long total, int refused) {
    /** Of the whole answer, reading the prompt included: several tokens may come by one call, the first one too. */
    public double tokensPerSecond() {
        return total > 0 ? ids.length * 1e9 / total : 0;
    }
}
