package dev.tandem.runtime;

/** The app's own lists or effects do not fit tools.json: found when they are registered, not when they are used. */
public final class ActionException extends ModelException {
    private static final long serialVersionUID = 1L;

    public ActionException(String message) {
        super(message);
    }
}
