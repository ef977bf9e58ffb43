package dev.tandem.runtime;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The names of one home: which lists the arguments of a call are looked up in.
 *
 * <pre>{@code {"area": ["kitchen", {"name": "living room", "aliases": ["lounge"]}], "HassStartTimer.name": null}}</pre>
 *
 * <p>{@code Function.argument} goes before {@code argument}; null means that any text will do.
 */
public final class Home {
    private final Map<String, List<Names.Entry>> lists = new HashMap<>();

    /**
     * ActionException where a list is not made of names, or is for an argument that no function has: a slip there would
     * switch a check off without a word.
     *
     * @param json an object of lists by argument
     */
    public Home(String json, List<Map<String, Object>> tools) {
        this(read(json), tools);
    }

    Home(Map<String, Object> values, List<Map<String, Object>> tools) {
        Set<String> known = known(tools);
        for (String where : new TreeSet<>(values.keySet())) {
            if (!known.contains(where)) {
                throw new ActionException("The home lists names for '" + where
                        + "', and no function of tools.json has that argument.");
            }
            lists.put(where, values.get(where) == null ? null : entries(values.get(where), where));
        }
    }

    /** No lists: names are taken as they are said. */
    public static Home empty() {
        return new Home(Collections.emptyMap(), Collections.emptyList());
    }

    /** The list for an argument; null where any text will do. */
    List<Names.Entry> names(String function, String argument) {
        String special = function + "." + argument;
        return lists.get(lists.containsKey(special) ? special : argument);
    }

    private static Map<String, Object> read(String json) {
        try {
            return Json.object(Json.read(json), "the home");
        } catch (IllegalArgumentException error) {
            throw new ActionException("The home cannot be read as a JSON object (" + error.getMessage() + ").");
        }
    }

    private static Set<String> known(List<Map<String, Object>> tools) {
        Set<String> known = new HashSet<>();
        for (Map<String, Object> tool : tools) {
            String where = "function " + tool.get("name");
            Object parameters = tool.get("parameters") == null ? Boolean.TRUE : tool.get("parameters");
            for (String argument : new Schema(parameters, parameters, where).properties().keySet()) {
                known.add(argument);
                known.add(tool.get("name") + "." + argument);
            }
        }
        return known;
    }

    private static List<Names.Entry> entries(Object names, String where) {
        try {
            List<Names.Entry> entries = new ArrayList<>();
            for (Object value : Json.array(names, "the list")) {
                entries.add(entry(value));
            }
            return entries;
        } catch (IllegalArgumentException error) {
            throw new ActionException("The home's '" + where + "': " + error.getMessage() + ". A list of names with "
                    + "letters or digits, or of {\"name\", \"aliases\"}, was expected.");
        }
    }

    private static Names.Entry entry(Object value) {
        if (value instanceof String name) {
            return new Names.Entry(name, Collections.singletonList(key(name)));
        }
        Map<String, Object> parts = Json.object(value, "a name");
        String name = Json.string(parts.get("name"), "a name");
        List<String> keys = new ArrayList<>();
        keys.add(key(name));
        Object aliases = parts.containsKey("aliases") ? parts.get("aliases") : Collections.emptyList();
        for (Object alias : Json.array(aliases, "aliases of " + name)) {
            keys.add(key(Json.string(alias, "an alias of " + name)));
        }
        if (parts.size() > (parts.containsKey("aliases") ? 2 : 1)) {
            throw new IllegalArgumentException("'" + name + "' has other keys than name and aliases");
        }
        return new Names.Entry(name, keys);
    }

    private static String key(String name) {
        if (Names.key(name).isEmpty()) {
            throw new IllegalArgumentException("'" + name + "' has no letters");
        }
        return Names.key(name);
    }
}
