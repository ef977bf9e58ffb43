/** Prefill and decode: new ids as they come, over whatever runs the model. */

import { ContextFullError, PromptError } from "./errors.js";
import { planPrefill } from "./plan.js";

const PATIENCE = 6; // an answer goes on without drafts after so many calls …
const WORTH = 0.5; // … that accepted fewer than this each

/** @typedef {import("./drafter.js").Drafter} Drafter */

/**
 * One loaded .tflite file with its KV caches. One without `verify` answers one token per call.
 * @typedef {object} Runner
 * @property {number} window tokens that the caches hold
 * @property {number} vocabSize width of the logits
 * @property {readonly number[]} buckets sizes of its prefill signatures
 * @property {() => void | Promise<void>} clear caches to zero: old rows are masked out, but 0 times a NaN would be NaN
 * @property {(ids: number[], position: number, bucket: number) => void | Promise<void>} prefill
 *   writes ids (at most `bucket` of them) at `position`
 * @property {(id: number, position: number) => Float32Array | Promise<Float32Array>} decode
 *   writes one row; logits [V] for the next id, valid until the next call
 * @property {number} [verifySize] tokens of its verify signature; 0 where it has none
 * @property {(ids: number[], position: number) => Float32Array | Promise<Float32Array>} [verify]
 *   writes ids (at most `verifySize` of them) at `position`; logits [verifySize, V], a row after each of them, valid
 *   until the next call, which may write over all but the first
 */

/**
 * @typedef {object} Options
 * @property {number} maxNewTokens
 * @property {readonly number[]} stopIds
 * @property {(logits: Float32Array) => number} choose
 * @property {Drafter | null} [drafter] whose answer has begun; its draft tokens are read along where the runner can
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
export async function* generate(runner, ids, { maxNewTokens, stopIds, choose, drafter, signal }) {
  await readAllButLast(runner, ids, signal);
  let [chosen, position, left] = [ids[ids.length - 1], ids.length - 1, maxNewTokens];
  let [verified, accepted] = [0, 0]; // calls with draft tokens, and draft tokens that were accepted
  while (left > 0) {
    signal?.throwIfAborted();
    const pays = verified < PATIENCE || accepted >= WORTH * verified;
    const read = [chosen, ...((pays && drafter?.draft(draftable(runner, position, left))) || [])];
    verified += Number(read.length > 1);
    for (const [row, logits] of (await logitsAfterEach(runner, read, position)).entries()) {
      if (read[row] !== chosen) {
        break; // rejected
      }
      signal?.throwIfAborted();
      accepted += Number(row > 0);
      position++;
      chosen = choose(logits);
      drafter?.add(chosen);
      if (stopIds.includes(chosen)) {
        return;
      }
      yield chosen;
      left--;
      if (left === 0) {
        return;
      }
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
  await readAllButLast(runner, ids, signal);
  signal?.throwIfAborted();
  return runner.decode(ids[ids.length - 1], ids.length - 1);
}

/** Reads a prompt but for its last token into empty caches. @param {Runner} runner @param {readonly number[]} ids @param {AbortSignal} [signal] */
export async function readAllButLast(runner, ids, signal) {
  checkPrompt(runner, ids);
  await runner.clear();
  for (const { start, count, position, bucket } of planPrefill(ids.length - 1, 0, runner.buckets, runner.window)) {
    signal?.throwIfAborted();
    if (runner.buckets.includes(bucket)) {
      await runner.prefill(ids.slice(start, start + count), position, bucket);
    } else {
      await runner.decode(ids[start], position);
    }
  }
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

/** How many draft tokens a call can take when `left` tokens are wanted. @param {Runner} runner @param {number} position @param {number} left */
function draftable(runner, position, left) {
  const size = runner.verifySize ?? 0;
  return position + size <= runner.window ? Math.max(0, Math.min(size, left) - 1) : 0;
}

/**
 * Logits after a token and after the draft tokens behind it, by one call.
 * @param {Runner} runner
 * @param {number[]} ids
 * @param {number} position
 */
async function logitsAfterEach(runner, ids, position) {
  if (ids.length === 1 || !runner.verify) {
    return [await decodeAt(runner, ids[0], position)];
  }
  const logits = await runner.verify(ids, position);
  return ids.map((_, row) => logits.subarray(row * runner.vocabSize, (row + 1) * runner.vocabSize));
}

/** @param {Runner} runner @param {number} id @param {number} position */
async function decodeAt(runner, id, position) {
  if (position >= runner.window) {
    throw new ContextFullError(`The window of ${runner.window} tokens is full.`);
  }
  return runner.decode(id, position);
}
