/**
 * How a prompt is cut into prefill calls of fixed sizes.
 *
 * A call always writes its whole bucket into the cache, padding included, and the write clamps silently where
 * position + bucket > window: later rows would land on earlier ones. So no chunk of a plan ever reaches over the
 * window; near its end a plan falls back to single tokens.
 */

import { ContextFullError } from "./errors.js";

/** Fixed cost of a prefill call, and cost of a decode step, in tokens of prefill (measured: mobile/LOG.md). */
export const CALL_COST = 20;
export const DECODE_COST = 8;

/**
 * `count` tokens of the prompt from `start` on, written at `position` by a call of `bucket` tokens.
 * @typedef {{start: number, count: number, position: number, bucket: number}} Chunk
 */

/**
 * The cheapest chunks for `count` tokens when `position` tokens are in the cache already.
 *
 * A bucket of 1 (the decode signature) is always allowed. Throws ContextFullError where the tokens do not fit.
 * @param {number} count
 * @param {number} position
 * @param {readonly number[]} buckets
 * @param {number} window
 * @returns {Chunk[]}
 */
export function planPrefill(count, position, buckets, window) {
  if (position + count > window) {
    throw new ContextFullError(
      `${count} more tokens do not fit: the window holds ${window} and ${position} are in use. Send a shorter text.`,
    );
  }
  const chosen = cheapest(
    count,
    position,
    [...new Set([1, ...buckets])].sort((a, b) => b - a),
    window,
  );
  /** @type {Chunk[]} */
  const chunks = [];
  for (let done = 0; done < count; done += chunks[chunks.length - 1].count) {
    const bucket = chosen[done];
    chunks.push({ start: done, count: Math.min(bucket, count - done), position: position + done, bucket });
  }
  return chunks;
}

/**
 * The bucket to go on with once so many tokens are read; of equally cheap ones the largest.
 * @param {number} count
 * @param {number} position
 * @param {number[]} sizes largest first
 * @param {number} window
 */
function cheapest(count, position, sizes, window) {
  const costs = new Array(count + 1).fill(0);
  const chosen = new Array(count).fill(0);
  for (let done = count - 1; done >= 0; done--) {
    costs[done] = Infinity;
    for (const size of sizes) {
      const cost = callCost(size) + costs[Math.min(done + size, count)];
      if (position + done + size <= window && cost < costs[done]) {
        costs[done] = cost;
        chosen[done] = size;
      }
    }
  }
  return chosen;
}

/** Cost of one call in tokens of prefill. @param {number} bucket */
export function callCost(bucket) {
  return bucket > 1 ? CALL_COST + bucket : DECODE_COST;
}
