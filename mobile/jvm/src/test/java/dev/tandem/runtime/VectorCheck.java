package dev.tandem.runtime;

import java.io.File;

/**
 * The JVM core against the vectors of mobile/contract: a line a list, and the first difference by name.
 *
 * <pre>{@code java -cp CLASSES dev.tandem.runtime.VectorCheck mobile/contract/vectors mobile/prebuilt/small}</pre>
 *
 * <p>Exit status 0 where every case agrees, 1 at the first that does not. No test library: javac is all that is needed.
 */
public final class VectorCheck {
    private VectorCheck() {}

    /** A list of checks of one kind. */
    private interface Checks {
        void run(Vectors vectors);
    }

    public static void main(String[] arguments) {
        Vectors vectors = new Vectors(new File(arguments[0]), new File(arguments[1]));
        Checks[] all = {TextVectors::run, SamplerVectors::run, PlanVectors::run, StreamVectors::run,
            ConstraintVectors::run, ActionVectors::run, DamagedFolders::run, GoldenPrompts::run, BadInput::run,
            DrafterVectors::run, SpeculativeAnswers::run};
        for (Checks checks : all) {
            try {
                checks.run(vectors);
            } catch (RuntimeException | AssertionError error) {
                System.out.println("FAILED " + vectors.current() + ": " + error);
                error.printStackTrace(System.out);
                System.exit(1);
            }
        }
        System.out.println(vectors.passed() + " passed, 0 failed");
    }
}
