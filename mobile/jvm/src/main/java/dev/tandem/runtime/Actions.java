package dev.tandem.runtime;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The safe way from an answer of the model to an effect.
 *
 * <p>An answer that was cut off is refused, whole call or not. What else the model says is checked against tools.json,
 * names are looked up in the home's lists, and only then may an effect that the app registered be called; a dry run does
 * not even do that. All else is refused or asked back. A text alone does not tell whether it was cut off: give the
 * {@link Answer} where there is one.
 *
 * <pre>{@code
 * Actions actions = new Actions(tools, new Home("{\"area\":[\"kitchen\"]}", tools));
 * actions.on("HassTurnOn", arguments -> lights.turnOn(arguments));
 * actions.perform(answer);        // dry: says what it would do
 * actions.perform(answer, false); // does it
 * }</pre>
 */
public final class Actions {
    /** What the app does for a call; may return anything. */
    public interface Effect {
        Object carryOut(Map<String, Object> arguments);
    }

    /** {@code done}: the effect was called, and {@code value} is what it returned. */
    public record Outcome(Action action, boolean done, String message, Object value) {}

    private final Map<String, Schema> functions = new HashMap<>();
    private final Map<String, Effect> effects = new HashMap<>();
    private final Home home;

    /** SchemaException where tools.json holds a keyword that cannot be checked. */
    public Actions(List<Map<String, Object>> tools, Home home) {
        new CallGrammar(tools, false); // what constrained decoding cannot promise is refused here, too
        for (Map<String, Object> tool : tools) {
            Object parameters = tool.get("parameters") == null ? Boolean.TRUE : tool.get("parameters");
            functions.put((String) tool.get("name"), new Schema(parameters, parameters, "function " + tool.get("name")));
        }
        this.home = home;
    }

    /** Registers what to do for a function; ActionException where tools.json has none of that name. */
    public void on(String function, Effect effect) {
        if (!functions.containsKey(function)) {
            throw new ActionException("tools.json has no function '" + function + "'.");
        }
        effects.put(function, effect);
    }

    /** What an answer comes to; nothing is done. */
    public Action consider(Answer answer) {
        return consider(answer, Collections.emptyMap());
    }

    /** {@code choices}: names by argument that answer earlier questions. */
    public Action consider(Answer answer, Map<String, String> choices) {
        return answer.stopped() ? consider(answer.text(), choices)
                : Action.refused(null, Action.Code.CUT_OFF, null);
    }

    /** What a text comes to; nothing is done. */
    public Action consider(String text) {
        return consider(text, Collections.emptyMap());
    }

    /** {@code choices}: names by argument that answer earlier questions. */
    public Action consider(String text, Map<String, String> choices) {
        CallCheck.Call call = CallCheck.read(text);
        if (call == null) {
            return Action.refused(null, Action.Code.NOT_A_CALL, null);
        }
        if (call.name() == null) {
            return Action.nothing();
        }
        Schema schema = functions.get(call.name());
        if (schema == null) {
            return Action.refused(null, Action.Code.UNKNOWN_FUNCTION, null);
        }
        Map<String, Object> arguments = new LinkedHashMap<>(call.arguments());
        arguments.putAll(choices);
        CallCheck.Fault fault = CallCheck.arguments(arguments, schema);
        return fault != null ? Action.refused(call.name(), fault.code(), fault.argument())
                : resolved(call.name(), arguments);
    }

    /** A dry run: what would be done for an answer. */
    public Outcome perform(Answer answer) {
        return perform(answer, true);
    }

    /** Considers an answer and, where it is ready and this is no dry run, calls the registered effect. */
    public Outcome perform(Answer answer, boolean dryRun) {
        return perform(consider(answer), dryRun);
    }

    /** A dry run: what would be done for a text. */
    public Outcome perform(String text) {
        return perform(text, true);
    }

    /** Considers a text and, where it is ready and this is no dry run, calls the registered effect. */
    public Outcome perform(String text, boolean dryRun) {
        return perform(consider(text), dryRun);
    }

    /** Carries out an action that {@link #consider} returned. What the effect throws comes through. */
    public Outcome perform(Action action, boolean dryRun) {
        if (action.status() != Action.Status.READY) {
            return new Outcome(action, false, action.text(), null);
        }
        Effect effect = effects.get(action.function());
        if (effect == null) {
            return new Outcome(action, false, "nothing is registered for " + action.function(), null);
        }
        if (dryRun) {
            return new Outcome(action, false, "would call " + action.text(), null);
        }
        return new Outcome(action, true, "called " + action.text(), effect.carryOut(action.arguments()));
    }

    private Action resolved(String function, Map<String, Object> arguments) {
        List<Action.Correction> corrected = new ArrayList<>();
        List<Action.Question> questions = new ArrayList<>();
        List<String> names = new ArrayList<>(arguments.keySet());
        names.sort(JsonText::compare);
        for (String argument : names) {
            List<Names.Entry> entries = home.names(function, argument);
            if (entries == null || !(arguments.get(argument) instanceof String said)) {
                continue;
            }
            Names.Found found = Names.find(said, entries);
            if (found.name() != null) {
                arguments.put(argument, found.name());
                if (!found.name().equals(said)) {
                    corrected.add(new Action.Correction(argument, said, found.name()));
                }
            } else if (found.suggestions().isEmpty()) {
                return Action.refused(function, Action.Code.UNKNOWN_NAME, argument);
            } else {
                questions.add(new Action.Question(argument, said, found.suggestions()));
            }
        }
        return new Action(questions.isEmpty() ? Action.Status.READY : Action.Status.ASK, function, arguments,
                corrected, questions, null, null);
    }
}
