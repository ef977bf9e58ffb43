import assert from "node:assert/strict";
import { test } from "node:test";

import { faultOf } from "../../../../mobile/web/faults.js";
import { LiteRtRunner } from "../../../../mobile/web/litert_runner.js";

const CACHES = ["kv_cache_k_0", "kv_cache_v_0"];
const WINDOW = 8;

/** A library whose tensors are counted: WebAssembly's memory has no garbage collector. */
function counting(run = () => {}) {
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
  const signature = (width) => ({
    getInputDetails: () => [
      { name: "mask", shape: Int32Array.of(1, 1, width, WINDOW) },
      ...CACHES.map((name) => ({ name, shape: Int32Array.of(1, 1, WINDOW, 2) })),
    ],
    getOutputDetails: () => [{ name: "logits", shape: Int32Array.of(1, 1, 5) }],
    run: async (inputs) => {
      run(inputs);
      assert.deepEqual(Object.keys(inputs).sort(), ["input_pos", ...CACHES, "mask", "tokens"].sort());
      assert.ok(Object.values(inputs).every((tensor) => !tensor.deleted), "what is fed is alive");
      const logits = width === 1 ? { logits: new Tensor(new Float32Array(5), [1, 1, 5]) } : {};
      return { ...Object.fromEntries(CACHES.map((name) => [name, cache()])), ...logits };
    },
  });
  const model = { signatures: { decode: signature(1), prefill_8: signature(8), prefill_4: signature(4) }, delete() {} };
  return { count, runner: new LiteRtRunner({ Tensor }, model) };
}

test("runner: sizes from the signatures", () => {
  const { runner } = counting();
  assert.deepEqual([runner.window, runner.vocabSize, runner.buckets], [8, 5, [4, 8]]);
});

test("runner: only the caches outlive a call", async () => {
  const { count, runner } = counting();
  for (let turn = 0; turn < 3; turn++) {
    runner.clear();
    await runner.prefill([1, 2, 3], 0, 4);
    assert.equal((await runner.decode(4, 3)).length, 5);
    assert.equal(count.live, CACHES.length);
  }
  runner.delete();
  assert.equal(count.live, 0);
});

test("runner: a call that fails leaves nothing behind either", async () => {
  const { count, runner } = counting(() => {
    throw new RangeError("Array buffer allocation failed");
  });
  await assert.rejects(runner.decode(1, 0), RangeError);
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
