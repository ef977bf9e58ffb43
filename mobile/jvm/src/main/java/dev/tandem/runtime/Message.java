package dev.tandem.runtime;

/** One turn of a conversation. {@code role}: system, user or assistant. */
public record Message(String role, String content) {
    /** What a person said. */
    public static Message user(String content) {
        return new Message("user", content);
    }
}
