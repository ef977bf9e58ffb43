/** Prefill and decode: new ids as they come, over whatever runs the model. */

import { ContextFullError, PromptError } from "./errors.js";
import { planPrefill } from "./plan.js";

/**
 * One loaded .tflite file with its KV caches.
 * @typedef {object} Runner
 * @property {number} window tokens that the caches hold
 * @property {number} vocabSize width of the logits
 * @property {readonly number[]} buckets sizes of its prefill signatures
 * @property {() => void | Promise<void>} clear caches to zero: old rows are masked out, but 0 times a NaN would be NaN
 * @property {(ids: number[], position: number, bucket: number) => void | Promise<void>} prefill
 *   writes ids (at most `bucket` of them) at `position`
 * @property {(id: number, position: number) => Float32Array | Promise<Float32Array>} decode
 *   writes one row; logits [V] for the next id, valid until the next call
 */

/**
 * @typedef {object} Options
 * @property {number} maxNewTokens
 * @property {readonly number[]} stopIds
 * @property {(logits: Float32Array) => number} choose
 * @property {AbortSignal} [signal]
 */

/**
 * Reads `ids` into empty caches, then yields new ids as they come, without the stop id.
 *
 * Throws PromptError for an empty prompt or ids of another vocabulary, ContextFullError where the prompt does not
 * fit or the window is full before a stop id came, and the signal's reason where it is aborted.
 * @param {Runner} runner
 * @param {readonly number[]} ids
 * @param {Options} options
 * @returns {AsyncGenerator<number, void, void>}
 */
export async function* generate(runner, ids, { maxNewTokens, stopIds, choose, signal }) {
  let logits = await readPrompt(runner, ids, signal);
  for (let step = 0; step < maxNewTokens; step++) {
    signal?.throwIfAborted();
    const id = choose(logits);
    if (stopIds.includes(id)) {
      return;
    }
    yield id;
    if (step + 1 < maxNewTokens) {
      logits = await decodeAt(runner, id, ids.length + step);
    }
  }
}

/**
 * Logits after a prompt that is read into empty caches.
 * @param {Runner} runner
 * @param {readonly number[]} ids
 * @param {AbortSignal} [signal]
 */
export async function readPrompt(runner, ids, signal) {
  checkPrompt(runner, ids);
  await runner.clear();
  const last = ids.length - 1;
  for (const { start, count, position, bucket } of planPrefill(last, 0, runner.buckets, runner.window)) {
    signal?.throwIfAborted();
    if (runner.buckets.includes(bucket)) {
      await runner.prefill(ids.slice(start, start + count), position, bucket);
    } else {
      await runner.decode(ids[start], position);
    }
  }
  signal?.throwIfAborted();
  return runner.decode(ids[last], last);
}

/** @param {Runner} runner @param {readonly number[]} ids */
function checkPrompt(runner, ids) {
  if (!ids.length) {
    throw new PromptError("The prompt is empty: at least one token is needed.");
  }
  const wrong = ids.find((id) => !(id >= 0 && id < runner.vocabSize));
  if (wrong !== undefined) {
    throw new PromptError(
      `Token id ${wrong} is outside the model's vocabulary of ${runner.vocabSize}: the tokenizer is of another model.`,
    );
  }
  if (ids.length > runner.window) {
    throw new ContextFullError(
      `The text is too long: ${ids.length} tokens, and the window holds ${runner.window}. Shorten it.`,
    );
  }
}

/** @param {Runner} runner @param {number} id @param {number} position */
async function decodeAt(runner, id, position) {
  if (position >= runner.window) {
    throw new ContextFullError(`The window of ${runner.window} tokens is full.`);
  }
  return runner.decode(id, position);
}
