package dev.tandem.runtime;

/** The KV cache is full: no further token can be read or written. */
public final class ContextFullException extends ModelException {
    private static final long serialVersionUID = 1L;

    public ContextFullException(String message) {
        super(message);
    }
}
