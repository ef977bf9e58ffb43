package dev.tandem.runtime;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;

/** constraint.json: which ids may come next, what is refused, and whole answers on made-up logits. */
final class ConstraintVectors {
    private final Map<Object, CallConstraint> made = new HashMap<>();
    private final Vectors vectors;
    private final int vocabSize;

    private ConstraintVectors(Vectors vectors, int vocabSize) {
        this.vectors = vectors;
        this.vocabSize = vocabSize;
    }

    static void run(Vectors vectors) {
        Map<String, Object> file = vectors.file("constraint");
        int vocabSize = Json.integer(file.get("vocab_size"), "vocab_size");
        ConstraintVectors checks = new ConstraintVectors(vectors, vocabSize);
        vectors.each(file, "constraint", "cases", checks::legal);
        vectors.each(file, "constraint", "refused", checks::refused);
        vectors.each(file, "constraint", "walks", checks::walk);
        vectors.each(file, "constraint", "schemas", ConstraintVectors::schema);
    }

    private static void schema(Map<String, Object> values) {
        boolean taken = true;
        try {
            new CallGrammar(Tools.read((String) values.get("tools")), false);
        } catch (ModelException error) {
            taken = false;
        }
        Vectors.check("taken " + values.get("tools"), values.get("taken"), taken);
    }

    private CallConstraint constraint(Map<String, Object> values) {
        return made.computeIfAbsent(values.get("mode"), mode -> new CallConstraint(
                vectors.tools, vectors.tokenizer, vocabSize, vectors.bundle.stopIds, "substrings".equals(mode)));
    }

    private CallState start(Map<String, Object> values) {
        return constraint(values).sampler(Sampler.GREEDY, (String) values.get("text"), 64).state();
    }

    private void legal(Map<String, Object> values) {
        CallConstraint constraint = constraint(values);
        CallState state = start(values);
        for (int id : Json.integers(values.get("ids"), "ids")) {
            state = constraint.after(state, id);
        }
        BitSet legal = constraint.legal(state);
        Vectors.check("complete", values.get("complete"), state.complete);
        Vectors.check("count", Json.integer(values.get("count"), "count"), legal.cardinality());
        for (int id = 0; id < vocabSize && !state.complete; id++) { // each token by itself, too
            Vectors.check("id " + id, legal.get(id), constraint.after(state, id) != CallState.NONE);
        }
        int[] ids = legal.stream().toArray();
        if (values.containsKey("allowed")) {
            Vectors.check("allowed", Json.integers(values.get("allowed"), "allowed"), ids);
        } else {
            Vectors.check("sha256", values.get("sha256"), hash(ids));
        }
    }

    private void refused(Map<String, Object> values) {
        CallConstraint constraint = constraint(values);
        CallState state = start(values);
        int[] ids = Json.integers(values.get("ids"), "ids");
        int at = Json.integer(values.get("at"), "at");
        for (int index = 0; index < at; index++) {
            state = constraint.after(state, ids[index]);
            Vectors.check("id " + index + " allowed", false, state == CallState.NONE);
        }
        boolean allowed = constraint.legal(state).get(ids[at]);
        Vectors.check("id " + at + " allowed", false, allowed);
    }

    private void walk(Map<String, Object> values) {
        int budget = Json.integer(values.get("max_new_tokens"), "max_new_tokens");
        long seed = Json.integer(values.get("seed"), "seed");
        ConstrainedSampler sampler =
                constraint(values).sampler(Sampler.GREEDY, (String) values.get("text"), budget);
        Ids ids = new Ids();
        boolean stopped = false;
        for (int step = 0; step < budget && !stopped; step++) {
            int id = sampler.choose(logits(step, seed));
            stopped = id == vectors.bundle.stopIds[0];
            if (!stopped) {
                ids.add(id);
            }
        }
        Vectors.check("ids", Json.integers(values.get("ids"), "ids"), ids.toArray());
        Vectors.check("stopped", values.get("stopped"), stopped);
        Vectors.check("refused", Json.integer(values.get("refused"), "refused"), sampler.refused());
        Vectors.check("squeezed", values.get("squeezed"), sampler.squeezed());
    }

    private float[] logits(int step, long seed) {
        float[] logits = new float[vocabSize];
        for (int token = 0; token < vocabSize; token++) {
            long mixed = (token * 2654435761L + step * 40503L + seed * 69069L) & 0xFFFFFFFFL;
            logits[token] = (mixed >> 8) / 16777216f;
        }
        return logits;
    }

    private static String hash(int[] ids) {
        ByteBuffer buffer = ByteBuffer.allocate(4 * ids.length).order(ByteOrder.LITTLE_ENDIAN);
        for (int id : ids) {
            buffer.putInt(id);
        }
        try {
            StringBuilder text = new StringBuilder();
            for (byte value : MessageDigest.getInstance("SHA-256").digest(buffer.array())) {
                text.append(String.format("%02x", value));
            }
            return text.toString();
        } catch (NoSuchAlgorithmException error) {
            throw new AssertionError(error);
        }
    }
}
