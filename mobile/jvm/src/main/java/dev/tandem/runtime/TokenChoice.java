package dev.tandem.runtime;

/** Chooses the next id from logits [V]. */
public interface TokenChoice {
    int choose(float[] logits);
}
