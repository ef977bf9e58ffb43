package dev.tandem.runtime;

import java.util.List;
import java.util.Map;

/** sampler.json: the same id from the same uniform number. */
final class SamplerVectors {
    private SamplerVectors() {}

    static void run(Vectors vectors) {
        vectors.each(vectors.file("sampler"), "sampler", "cases", values -> {
            Sampler sampler = new Sampler(number(values, "temperature"), Json.integer(values.get("top_k"), "top_k"),
                    number(values, "top_p"), () -> number(values, "u"));
            Vectors.check("id", Json.integer(values.get("id"), "id"), sampler.choose(logits(values.get("logits"))));
        });
    }

    private static double number(Map<String, Object> values, String key) {
        return ((Number) values.get(key)).doubleValue();
    }

    private static float[] logits(Object value) {
        List<Object> items = Json.array(value, "logits");
        float[] logits = new float[items.size()];
        for (int index = 0; index < logits.length; index++) {
            logits[index] = items.get(index) instanceof Number number ? number.floatValue() : Float.NEGATIVE_INFINITY;
        }
        return logits;
    }
}
