/** The choice of the next token: greedy, or random within a temperature, top-k and top-p. */

/** @typedef {Float32Array | Float64Array | number[]} Logits [V] */

const COLDEST = 1e-6; // below it the choice is greedy: a logit divided by less may be no number any more

export class Sampler {
  /**
   * @param {object} [options]
   * @param {number} [options.temperature] below 1e-6 greedy (0 is the default); above, logits are divided by it
   * @param {number} [options.topK] only the k most likely tokens may be chosen; 0: no limit
   * @param {number} [options.topP] of these, the smallest set whose probability reaches p; 1: no limit
   * @param {() => number} [options.random] uniform numbers in [0, 1); `uniform(seed)` repeats itself
   */
  constructor({ temperature = 0, topK = 0, topP = 1, random = Math.random } = {}) {
    if (!(temperature >= 0 && temperature < Infinity && topK >= 0 && topP > 0 && topP <= 1)) {
      throw new RangeError(
        `temperature ${temperature} must be a finite number of 0 or more, topK ${topK} 0 or more, topP ${topP} in ` +
          "(0, 1]",
      );
    }
    this.temperature = temperature >= COLDEST ? temperature : 0;
    this.topK = topK;
    this.topP = topP;
    this.random = random;
  }

  /** One id. @param {Logits} logits */
  choose(logits) {
    return this.temperature === 0 ? argmax(logits) : this.pick(logits, this.random());
  }

  /**
   * The id that the uniform number `u` in [0, 1) stands for: the inverse of the distribution function.
   * @param {Logits} logits
   * @param {number} u
   */
  pick(logits, u) {
    if (this.temperature === 0) {
      return argmax(logits);
    }
    const { order, weights } = this._kept(logits);
    const threshold = u * weights.reduce((sum, weight) => sum + weight, 0);
    let sum = 0;
    for (let index = 0; index < order.length; index++) {
      sum += weights[index];
      if (sum > threshold) {
        return order[index];
      }
    }
    return order[order.length - 1]; // rounding: the sum of all is not above u times itself
  }

  /**
   * The ids that may be drawn, most likely first, with their weights; before top-p the weights sum to 1.
   * @param {Logits} logits
   */
  _kept(logits) {
    const scaled = Float64Array.from(logits, (logit) => logit / this.temperature);
    let order = Array.from(scaled.keys()).sort((a, b) => (scaled[a] === scaled[b] ? a - b : scaled[b] - scaled[a]));
    order = this.topK ? order.slice(0, this.topK) : order;
    let weights = order.map((id) => Math.exp(scaled[id] - scaled[order[0]]));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    weights = weights.map((weight) => weight / total);
    let kept = 0;
    // A token stays while the mass before it is below p, so the one that reaches p is the last.
    for (let before = 0; kept < order.length && before < this.topP; kept++) {
      before += weights[kept];
    }
    return { order: order.slice(0, kept), weights: weights.slice(0, kept) };
  }
}

/** The id of the largest logit, the first of equals. @param {Logits} logits */
export function argmax(logits) {
  let best = 0;
  for (let id = 1; id < logits.length; id++) {
    if (logits[id] > logits[best]) {
      best = id;
    }
  }
  return best;
}

/**
 * Uniform numbers in [0, 1) that the same seed repeats (xorshift of 32 bits: Marsaglia, "Xorshift RNGs", 2003).
 * @param {number} seed
 * @returns {() => number}
 */
export function uniform(seed) {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x2545f491) | 0 || 1; // 0 would stay 0; near seeds start far apart
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
