import assert from "node:assert/strict";
import { test } from "node:test";

import { faultOf } from "../../../../mobile/web/faults.js";
import { LiteRtRunner } from "../../../../mobile/web/litert_runner.js";

const CACHES = ["kv_cache_k_0", "kv_cache_v_0"];
const WINDOW = 8;

/** A library whose tensors are counted: WebAssembly's memory has no garbage collector. */
function counting({ run = () => {}, verifies = true } = {}) {
  const count = { live: 0 };
  class Tensor {
    constructor(values, shape) {
      assert.equal(values.length, shape.reduce((product, side) => product * side, 1));
      Object.assign(this, { values, shape, deleted: false });
      count.live++;
    }
    toTypedArray() {
      return this.values;
    }
    delete() {
      assert.ok(!this.deleted, "a tensor is deleted once");
      this.deleted = true;
      count.live--;
    }
  }
  const cache = () => new Tensor(new Float32Array(16), [1, 1, WINDOW, 2]);
  const signature = (width, rows) => ({
    getInputDetails: () => [
      { name: "mask", shape: Int32Array.of(1, 1, width, WINDOW) },
      ...CACHES.map((name) => ({ name, shape: Int32Array.of(1, 1, WINDOW, 2) })),
    ],
    getOutputDetails: () => [{ name: "logits", shape: Int32Array.of(1, rows, 5) }],
    run: async (inputs) => {
      run(inputs);
      assert.deepEqual(Object.keys(inputs).sort(), ["input_pos", ...CACHES, "mask", "tokens"].sort());
      assert.ok(Object.values(inputs).every((tensor) => !tensor.deleted), "what is fed is alive");
      const logits = rows ? { logits: new Tensor(new Float32Array(rows * 5), [1, rows, 5]) } : {};
      return { ...Object.fromEntries(CACHES.map((name) => [name, cache()])), ...logits };
    },
  });
  const signatures = { decode: signature(1, 1), prefill_8: signature(8, 0), prefill_4: signature(4, 0) };
  const verify = verifies ? { verify_3: signature(3, 3) } : {};
  const model = { signatures: { ...signatures, ...verify }, delete() {} };
  return { count, runner: new LiteRtRunner({ Tensor }, model) };
}

test("runner: sizes from the signatures", () => {
  const { runner } = counting();
  assert.deepEqual([runner.window, runner.vocabSize, runner.buckets, runner.verifySize], [8, 5, [4, 8], 3]);
  assert.equal(counting({ verifies: false }).runner.verifySize, 0);
});

test("runner: only the caches outlive a call", async () => {
  const { count, runner } = counting();
  for (let turn = 0; turn < 3; turn++) {
    runner.clear();
    await runner.prefill([1, 2, 3], 0, 4);
    assert.equal((await runner.decode(4, 3)).length, 5);
    assert.equal((await runner.verify([5, 6], 4)).length, 15);
    assert.equal(count.live, CACHES.length);
  }
  runner.delete();
  assert.equal(count.live, 0);
});

test("runner: draft tokens are read as a prompt is, padded", async () => {
  const calls = [];
  const { runner } = counting({ run: (inputs) => calls.push(inputs) });
  await runner.verify([5, 6], 4);
  const [{ tokens, input_pos: positions, mask }] = calls;
  assert.deepEqual([[...tokens.values], tokens.shape], [[5, 6, 0], [1, 3]]);
  assert.deepEqual([...positions.values], [4, 5, 6]);
  const seen = [0, 1, 2].map((row) => mask.values.slice(8 * row, 8 * row + 8).filter((value) => value === 0).length);
  assert.deepEqual([seen, mask.shape], [[5, 6, 7], [1, 1, 3, WINDOW]]);
});

test("runner: a call that fails leaves nothing behind either", async () => {
  const run = () => {
    throw new RangeError("Array buffer allocation failed");
  };
  const { count, runner } = counting({ run });
  await assert.rejects(runner.decode(1, 0), RangeError);
  await assert.rejects(runner.verify([1, 2], 0), RangeError);
  assert.equal(count.live, CACHES.length);
});

test("runner: a file without decode is refused", () => {
  assert.throws(() => new LiteRtRunner({}, { signatures: { serving_default: {} } }), /no exported student/);
});

test("faults: memory is told from the rest", () => {
  assert.equal(faultOf(new RangeError("Array buffer allocation failed")).kind, "memory");
  assert.equal(faultOf(new Error("Aborted(OOM)")).kind, "memory");
  assert.deepEqual(faultOf(new TypeError("x is undefined")), { kind: "unknown", message: "TypeError: x is undefined" });
});
