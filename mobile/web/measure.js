/**
 * Speed of a .tflite file in this browser, without a page: what eval/bench/ondevice measures of every runtime.
 *
 * The prompt is read into an empty cache (prefill); then from an empty cache again: all but its last token by
 * prefill, the last one by decode, which gives the first new token, and the further ones by decode. Greedy.
 */

import { argmax } from "./core/sampler.js";
import { planPrefill } from "./core/plan.js";
import { LiteRtRunner } from "./litert_runner.js";
import { loadLibrary } from "./litert_library.js";
import { usableThreads } from "./session.js";

/** @type {LiteRtRunner | null} opened at the first request, kept for the next ones */
let runner = null;
let facts = { import_s: 0, open_s: 0, threads: 1, window: 0, vocab_size: 0 };

/**
 * @param {{address: string, ids: number[], count: number, threads: number}} request `count` new tokens
 * @returns {Promise<object>} seconds, and the ids that were generated
 */
export async function measure({ address, ids, count, threads }) {
  runner ??= await open(address, threads);
  await answer(runner, ids, 1); // warm: other work has emptied the caches since
  const prefill = await timed(async (loaded) => read(loaded, ids));
  const { generated, times } = await answer(runner, ids, count);
  const seconds = { prefill_s: prefill, ttft_s: times[0], token_s: times.slice(1) };
  return { ...facts, ...seconds, prefill_tokens: ids.length, ids: generated };
}

/** @param {string} address @param {number} threads */
async function open(address, threads) {
  const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
  const used = usableThreads(threads);
  const start = performance.now();
  const library = await loadLibrary(used);
  const loaded = performance.now();
  const opened = await LiteRtRunner.open(library, bytes, used);
  facts = {
    import_s: (loaded - start) / 1e3,
    open_s: (performance.now() - loaded) / 1e3,
    threads: used,
    window: opened.window,
    vocab_size: opened.vocabSize,
  };
  return opened;
}

/** @param {LiteRtRunner} loaded @param {number[]} ids */
async function read(loaded, ids) {
  for (const { start, count, position, bucket } of planPrefill(ids.length, 0, loaded.buckets, loaded.window)) {
    const part = ids.slice(start, start + count);
    await (bucket > 1 ? loaded.prefill(part, position, bucket) : loaded.decode(part[0], position));
  }
}

/** @param {LiteRtRunner} loaded @param {number[]} ids @param {number} count */
async function answer(loaded, ids, count) {
  /** @type {number[]} */
  const generated = [];
  const times = [];
  loaded.clear();
  let start = performance.now();
  await read(loaded, ids.slice(0, -1));
  let token = ids[ids.length - 1];
  for (let step = 0; step < count; step++) {
    token = argmax(await loaded.decode(token, ids.length - 1 + step));
    generated.push(token);
    const now = performance.now();
    times.push((now - start) / 1e3);
    start = now;
  }
  return { generated, times };
}

/** Seconds of some work from an empty cache. @param {(loaded: LiteRtRunner) => Promise<unknown>} work */
async function timed(work) {
  const loaded = /** @type {LiteRtRunner} */ (runner);
  loaded.clear();
  const start = performance.now();
  await work(loaded);
  return (performance.now() - start) / 1e3;
}
