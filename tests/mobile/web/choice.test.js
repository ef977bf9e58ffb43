import assert from "node:assert/strict";
import { test } from "node:test";

import {
  MASKED,
  Sampler,
  argmax,
  decodeInputs,
  planPrefill,
  prefillInputs,
  uniform,
} from "../../../mobile/web/core/index.js";
import { errorOf, vectors } from "./contract.js";

test("sampler: choices of the contract", () => {
  for (const { logits, temperature, top_k: topK, top_p: topP, u, id } of vectors("sampler").cases) {
    const values = Float32Array.from(logits, (logit) => (logit === "-inf" ? -Infinity : logit));
    const sampler = new Sampler({ temperature, topK, topP, random: () => u });
    assert.equal(sampler.pick(values, u), id, JSON.stringify([logits, temperature, topK, topP, u]));
    assert.equal(sampler.choose(values), id);
  }
});

test("sampler: settings that mean nothing", async () => {
  const temperatures = [-1, NaN, Infinity].map((temperature) => ({ temperature }));
  for (const wrong of [...temperatures, { topK: -1 }, { topP: 0 }, { topP: 1.5 }]) {
    assert.equal(await errorOf(() => new Sampler(wrong)), "RangeError");
  }
});

test("sampler: the same seed repeats itself, and draws cover the distribution", () => {
  const [one, two, other] = [uniform(7), uniform(7), uniform(8)];
  const draws = Array.from({ length: 4000 }, one);
  assert.deepEqual(draws, Array.from({ length: 4000 }, two));
  assert.notEqual(draws[0], other());
  assert.ok(draws.every((u) => u >= 0 && u < 1));
  const sampler = new Sampler({ temperature: 1, random: uniform(1) });
  const logits = Float32Array.from([Math.log(0.7), Math.log(0.2), Math.log(0.1)]);
  const counts = [0, 0, 0];
  draws.forEach(() => counts[sampler.choose(logits)]++);
  [0.7, 0.2, 0.1].forEach((share, id) => assert.ok(Math.abs(counts[id] / 4000 - share) < 0.04, String(counts)));
});

test("sampler: the first of equal logits", () => {
  assert.equal(argmax([1, 3, 3, 2]), 1);
  assert.equal(argmax([-Infinity, -Infinity, -5]), 2);
});

test("plan: chunks of the contract", async () => {
  for (const { count, position, buckets, window, chunks, error } of vectors("plan").cases) {
    const plan = () => planPrefill(count, position, buckets, window);
    const what = JSON.stringify([count, position, buckets, window]);
    if (error) {
      assert.equal(await errorOf(plan), "ContextFullError", what);
    } else {
      assert.deepEqual(
        plan().map((chunk) => [chunk.start, chunk.count, chunk.position, chunk.bucket]),
        chunks,
        what,
      );
    }
  }
});

test("inputs: padded tokens, and rows that look back only", () => {
  const { tokens, positions, mask } = prefillInputs([5, 6, 7], 2, 4, 6);
  assert.deepEqual([...tokens], [5, 6, 7, 0]);
  assert.deepEqual([...positions], [2, 3, 4, 5]);
  const rows = [0, 1, 2, 3].map((row) =>
    [...mask.slice(6 * row, 6 * row + 6)].map((value) => (value === MASKED ? "x" : value)).join(""),
  );
  assert.deepEqual(rows, ["000xxx", "0000xx", "00000x", "000000"]);
  assert.deepEqual([...decodeInputs(9, 1, 3).mask], [0, 0, MASKED]);
});
