package dev.tandem.runtime;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * What has become of one answer: a call that may be carried out, a question, or a refusal.
 *
 * <p>The fields are those of a result in mobile/contract/README.md; only a READY one may be carried out. Arguments are
 * String, Long, Double, Boolean, List, Map or null.
 */
public record Action(Status status, String function, Map<String, Object> arguments, List<Correction> corrected,
        List<Question> questions, Code code, String argument) {
    /** What may be done now. */
    public enum Status { READY, NOTHING, ASK, REFUSED }

    /** Why a call is refused. */
    public enum Code {
        CUT_OFF("the answer was cut off"),
        NOT_A_CALL("the answer is no call"),
        UNKNOWN_FUNCTION("the answer names a function that is not offered"),
        UNKNOWN_ARGUMENT("the function has no such argument"),
        MISSING_ARGUMENT("an argument is missing"),
        WRONG_TYPE("an argument is of the wrong type"),
        NOT_ALLOWED("an argument has a value that is not offered"),
        OUT_OF_RANGE("an argument is out of range"),
        UNKNOWN_NAME("nothing here has such a name");

        private final String reason;

        Code(String reason) {
            this.reason = reason;
        }
    }

    /** A name that was replaced by the home's. */
    public record Correction(String argument, String said, String meant) {}

    /** A name that may mean one of the suggestions, best first. */
    public record Question(String argument, String said, List<String> suggestions) {}

    static Action refused(String function, Code code, String argument) {
        return new Action(Status.REFUSED, function, Collections.emptyMap(), Collections.emptyList(),
                Collections.emptyList(), code, argument);
    }

    static Action nothing() {
        return new Action(Status.NOTHING, null, Collections.emptyMap(), Collections.emptyList(),
                Collections.emptyList(), null, null);
    }

    /** One line for people. */
    public String text() {
        return switch (status) {
            case NOTHING -> "no function applies";
            case REFUSED -> "refused, " + code.reason + (argument == null ? "" : ": " + argument);
            case ASK -> asked();
            case READY -> spelled();
        };
    }

    private String asked() {
        List<String> lines = new ArrayList<>();
        for (Question question : questions) {
            lines.add("'" + question.said() + "': did you mean " + String.join(" or ", question.suggestions()) + "?");
        }
        return String.join("; ", lines);
    }

    private String spelled() {
        List<String> given = new ArrayList<>();
        for (Map.Entry<String, Object> entry : arguments.entrySet()) {
            given.add(entry.getKey() + "=" + JsonText.of(entry.getValue()));
        }
        return function + "(" + String.join(", ", given) + ")";
    }
}
