package dev.tandem.runtime;

/** tools.json asks for something that constrained decoding cannot guarantee. */
public final class SchemaException extends ModelException {
    private static final long serialVersionUID = 1L;

    public SchemaException(String message) {
        super(message);
    }
}
