package dev.tandem.runtime;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** tools.json: a list of {"name", "description", "parameters"}. */
public final class Tools {
    private Tools() {}

    /** ModelException where the text is no JSON, SchemaException where it is no list of functions. */
    public static List<Map<String, Object>> read(String json) {
        Object value;
        try {
            value = Json.read(json);
        } catch (IllegalArgumentException error) {
            throw new ModelException(
                    "tools.json cannot be read as JSON (" + error.getMessage() + "). Copy the folder again.", error);
        }
        try {
            List<Map<String, Object>> tools = new ArrayList<>();
            Set<String> names = new HashSet<>();
            for (Object entry : Json.array(value, "tools.json")) {
                Map<String, Object> tool = Json.object(entry, "a function");
                if (Json.string(tool.get("name"), "a name").isEmpty() || !names.add((String) tool.get("name"))) {
                    throw new IllegalArgumentException("the name '" + tool.get("name") + "' is empty or there twice");
                }
                tools.add(tool);
            }
            if (tools.isEmpty()) {
                throw new IllegalArgumentException("it is empty");
            }
            return tools;
        } catch (IllegalArgumentException error) {
            throw new SchemaException("tools.json is no list of functions {\"name\", \"parameters\"} with names that "
                    + "differ: " + error.getMessage() + ".");
        }
    }
}
