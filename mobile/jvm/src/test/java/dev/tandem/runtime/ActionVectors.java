package dev.tandem.runtime;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** actions.json: from an answer to an effect. */
final class ActionVectors {
    private ActionVectors() {}

    static void run(Vectors vectors) {
        Map<String, Object> file = vectors.file("actions");
        Map<String, Object> homes = Json.object(file.get("homes"), "homes");
        Map<String, Object> toolsets = Json.object(file.get("toolsets"), "toolsets");
        Map<String, Actions> made = new HashMap<>();
        vectors.each(file, "actions", "cases", values -> {
            Actions actions = made.computeIfAbsent(values.get("tools") + " " + values.get("home"), key -> {
                List<Map<String, Object>> tools = values.get("tools") == null ? vectors.tools
                        : Tools.read(JsonText.of(toolsets.get(values.get("tools"))));
                return new Actions(tools, new Home(JsonText.of(homes.get(values.get("home"))), tools));
            });
            Action action = actions.consider((String) values.get("text"));
            Vectors.check("result of " + values.get("text"), JsonText.of(plain(values.get("result"))),
                    JsonText.of(entry(action)));
        });
        vectors.each(file, "actions", "answers", values -> {
            Home home = new Home(JsonText.of(homes.get(values.get("home"))), vectors.tools);
            Answer answer = answer((String) values.get("text"), (Boolean) values.get("stopped"));
            Vectors.check("result of " + values, JsonText.of(plain(values.get("result"))),
                    JsonText.of(entry(new Actions(vectors.tools, home).consider(answer))));
        });
        vectors.each(file, "actions", "similarity", values -> {
            List<String> keys = new ArrayList<>();
            keys.add(Names.key((String) values.get("a")));
            keys.add(Names.key((String) values.get("b")));
            Vectors.check("keys", values.get("keys"), keys);
            Vectors.check("percent", Json.integer(values.get("percent"), "percent"),
                    Names.percent(keys.get(0), keys.get(1)));
        });
        vectors.one("actions: dry run", () -> dryRun(vectors));
    }

    /** Effects happen only when asked for, and only for a call that is ready. */
    private static void dryRun(Vectors vectors) {
        Actions actions = new Actions(vectors.tools, new Home("{\"area\":[\"kitchen\",\"hall\"]}", vectors.tools));
        List<Object> done = new ArrayList<>();
        String call = "{\"name\":\"HassTurnOn\",\"arguments\":{\"area\":\"kichen\"}}";
        Vectors.check("unregistered", false, actions.perform(call, false).done());
        actions.on("HassTurnOn", arguments -> done.add(arguments.get("area")));
        Actions.Outcome dry = actions.perform(call);
        Vectors.check("dry", "would call HassTurnOn(area=\"kitchen\") []", dry.message() + " " + done);
        Actions.Outcome real = actions.perform(call, false);
        Vectors.check("done", "true [kitchen] true", real.done() + " " + done + " " + real.value());
        String vague = "{\"name\":\"HassTurnOn\",\"arguments\":{\"area\":\"hallway\"}}";
        Vectors.check("question", "'hallway': did you mean hall?", actions.perform(vague, false).message());
        Action chosen = actions.consider(vague, Collections.singletonMap("area", "hall"));
        Vectors.check("answered", Action.Status.READY, chosen.status());
        Vectors.check("refused", "refused, the answer is no call", actions.perform("turn it on", false).message());
        Vectors.check("cut off", "refused, the answer was cut off",
                actions.perform(answer(call, false), false).message());
        Vectors.check("effects", 1, done.size());
        Vectors.check("dry", false, actions.perform(answer(call, true)).done());
        Vectors.check("whole", true, actions.perform(answer(call, true), false).done());
        Vectors.refused(ActionException.class, () -> actions.on("HassExplode", arguments -> null));
        Vectors.refused(ActionException.class, () -> new Home("{\"areas\":[\"hall\"]}", vectors.tools));
        Vectors.refused(ActionException.class, () -> new Home("{\"area\":[\"\"]}", vectors.tools));
    }

    private static Answer answer(String text, boolean stopped) {
        return new Answer(text, new int[0], stopped, false, 0, 0, 0, 0);
    }

    private static Map<String, Object> entry(Action action) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("status", action.status().name().toLowerCase(Locale.ROOT));
        entry.put("function", action.function());
        entry.put("arguments", action.arguments());
        List<Object> corrected = new ArrayList<>();
        for (Action.Correction one : action.corrected()) {
            corrected.add(object("argument", one.argument(), "said", one.said(), "meant", one.meant()));
        }
        entry.put("corrected", corrected);
        List<Object> questions = new ArrayList<>();
        for (Action.Question one : action.questions()) {
            questions.add(object("argument", one.argument(), "said", one.said(), "suggestions", one.suggestions()));
        }
        entry.put("questions", questions);
        entry.put("code", action.code() == null ? null : action.code().name().toLowerCase(Locale.ROOT));
        entry.put("argument", action.argument());
        return entry;
    }

    private static Map<String, Object> object(Object... parts) {
        Map<String, Object> object = new LinkedHashMap<>();
        for (int index = 0; index < parts.length; index += 2) {
            object.put((String) parts[index], parts[index + 1]);
        }
        return object;
    }

    /** Numbers as a call has them: 20.0 is 20. */
    private static Object plain(Object value) {
        if (value instanceof Map) {
            Map<String, Object> all = new LinkedHashMap<>();
            Json.object(value, "result").forEach((key, member) -> all.put(key, plain(member)));
            return all;
        }
        if (value instanceof List) {
            List<Object> all = new ArrayList<>();
            Json.array(value, "result").forEach(item -> all.add(plain(item)));
            return all;
        }
        if (value instanceof BigInteger number) {
            return number.bitLength() <= 53 ? (Object) number : (Object) new BigDecimal(number);
        }
        return value;
    }
}
