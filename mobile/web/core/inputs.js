/**
 * What the signatures of an exported file read besides the caches: tokens, positions and the attention mask.
 *
 * A bucket larger than the tokens is padded with token 0 on the positions that follow. Rows of padding are written
 * into the cache, too; they stay masked until a real row replaces them.
 */

/** Added to scores; finite, so that a row of padding stays a number, and fits float16. */
export const MASKED = -45824;

/**
 * @typedef {object} Inputs
 * @property {Int32Array} tokens [1, N]
 * @property {Int32Array} positions [N], the signature's `input_pos`
 * @property {Float32Array} mask [1, 1, N, window]: 0 where a row may look, MASKED elsewhere
 */

/**
 * Inputs of `prefill_<bucket>`.
 * @param {readonly number[]} ids at most `bucket`
 * @param {number} position of the first
 * @param {number} bucket
 * @param {number} window
 * @returns {Inputs}
 */
export function prefillInputs(ids, position, bucket, window) {
  const tokens = new Int32Array(bucket);
  tokens.set(ids);
  const positions = Int32Array.from(tokens, (_, row) => position + row);
  const mask = new Float32Array(bucket * window).fill(MASKED);
  for (let row = 0; row < bucket; row++) {
    mask.fill(0, row * window, row * window + Math.min(position + row + 1, window)); // a token sees itself
  }
  return { tokens, positions, mask };
}

/**
 * Inputs of `decode`.
 * @param {number} id
 * @param {number} position
 * @param {number} window
 * @returns {Inputs}
 */
export function decodeInputs(id, position, window) {
  return prefillInputs([id], position, 1, window);
}
