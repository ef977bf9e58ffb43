package dev.tandem.runtime;

/** The folder or the model file is missing, damaged, or of another kind than expected: one message for people. */
public class ModelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public ModelException(String message) {
        super(message);
    }

    public ModelException(String message, Throwable cause) {
        super(message, cause);
    }
}
