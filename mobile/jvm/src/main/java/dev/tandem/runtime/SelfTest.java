package dev.tandem.runtime;

import java.util.Arrays;

/**
 * The golden prompt of bundle.json, run once at start: ModelException where this device computes something else.
 *
 * <p>Some runtimes load an operator version they do not know and give all-zero logits without an error. The first ids
 * recorded at export end before the first near tie, so that another CPU's rounding cannot change them.
 */
final class SelfTest {
    private SelfTest() {}

    /** {@code speculative}: verify is used, and tested too. */
    static void run(Bundle bundle, String variant, Model model, ChatTemplate template, boolean speculative) {
        int[] prompt = bundle.goldenPrompt();
        int[] encoded = template.prompt(bundle.goldenMessages());
        if (prompt.length > encoded.length || !Arrays.equals(prompt, Arrays.copyOf(encoded, prompt.length))) {
            throw new ModelException("Self-test failed: the tokenizer gives other ids for the golden prompt than at "
                    + "export. tokenizer.json and bundle.json belong to different models.");
        }
        model.reset();
        model.prefill(Arrays.copyOf(prompt, prompt.length - 1));
        float[] logits = model.decode(prompt[prompt.length - 1]);
        checkLogits(logits);
        int[] expected = bundle.goldenIds(variant);
        Ids found = new Ids();
        for (int id : expected) {
            if (found.size() > 0) {
                logits = model.decode(expected[found.size() - 1]);
            }
            found.add(Sampler.GREEDY.choose(logits));
            if (found.toArray()[found.size() - 1] != id) {
                throw new ModelException("Self-test failed: the golden prompt gives the ids "
                        + Arrays.toString(found.toArray()) + ", bundle.json says " + Arrays.toString(expected)
                        + ". This runtime computes something else than the one of the export.");
            }
        }
        if (speculative) {
            checkVerify(model, prompt, expected);
        }
        model.reset();
    }

    /** The same ids from verify, where the window holds the call. */
    private static void checkVerify(Model model, int[] prompt, int[] expected) {
        int size = model.verifySize;
        if (expected.length == 0 || prompt.length - 1 + size > model.window) {
            return;
        }
        int[] read = new int[Math.min(size, expected.length)];
        read[0] = prompt[prompt.length - 1];
        System.arraycopy(expected, 0, read, 1, read.length - 1);
        model.reset();
        model.prefill(Arrays.copyOf(prompt, prompt.length - 1));
        float[][] logits = model.verify(read);
        for (int row = 0; row < read.length; row++) {
            int id = Sampler.GREEDY.choose(logits[row]);
            if (id != expected[row]) {
                throw new ModelException("Self-test failed: verify gives the id " + id + " at place " + row
                        + " of the golden answer, decode " + expected[row] + ". Open the folder with "
                        + "new Chat(bundle, variant, runner, false): without speculative decoding.");
            }
        }
    }

    private static void checkLogits(float[] logits) {
        float low = Float.POSITIVE_INFINITY;
        float high = Float.NEGATIVE_INFINITY;
        boolean finite = true;
        for (float logit : logits) {
            low = Math.min(low, logit);
            high = Math.max(high, logit);
            finite &= !Float.isNaN(logit) && !Float.isInfinite(logit);
        }
        if (!finite || low == high) {
            throw new ModelException("Self-test failed: the logits are all " + low + " or not finite. This runtime does "
                    + "not compute the file's operators; use a newer LiteRT, or the fp32 file.");
        }
    }
}
