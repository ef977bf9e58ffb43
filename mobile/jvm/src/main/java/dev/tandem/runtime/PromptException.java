package dev.tandem.runtime;

/** The prompt is empty, no valid text, or holds ids outside the vocabulary. */
public final class PromptException extends ModelException {
    private static final long serialVersionUID = 1L;

    public PromptException(String message) {
        super(message);
    }
}
