package dev.tandem.runtime;

import java.util.List;
import java.util.Map;

/** plan.json: the same prefill calls for a prompt. */
final class PlanVectors {
    private PlanVectors() {}

    static void run(Vectors vectors) {
        Map<String, Object> file = vectors.file("plan");
        Vectors.check("call_cost", PrefillPlan.CALL_COST, Json.integer(file.get("call_cost"), "call_cost"));
        Vectors.check("decode_cost", PrefillPlan.DECODE_COST, Json.integer(file.get("decode_cost"), "decode_cost"));
        vectors.each(file, "plan", "cases", values -> {
            if (values.containsKey("error")) {
                Vectors.check("error", "context_full", values.get("error"));
                Vectors.refused(ContextFullException.class, () -> plan(values));
                return;
            }
            List<PrefillPlan.Chunk> chunks = plan(values);
            List<Object> expected = Json.array(values.get("chunks"), "chunks");
            Vectors.check("number of chunks", expected.size(), chunks.size());
            for (int index = 0; index < chunks.size(); index++) {
                PrefillPlan.Chunk chunk = chunks.get(index);
                int[] found = {chunk.start(), chunk.count(), chunk.position(), chunk.bucket()};
                Vectors.check("chunk " + index, Json.integers(expected.get(index), "chunk"), found);
            }
        });
    }

    private static List<PrefillPlan.Chunk> plan(Map<String, Object> values) {
        return PrefillPlan.of(Json.integer(values.get("count"), "count"),
                Json.integer(values.get("position"), "position"), Json.integers(values.get("buckets"), "buckets"),
                Json.integer(values.get("window"), "window"));
    }
}
