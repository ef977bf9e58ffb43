/** A runner that answers what it is told, and keeps to the rules of a real file: what it was asked is checked. */

import assert from "node:assert/strict";

import { bundle } from "./contract.js";

export class FakeRunner {
  /** @param {number[]} answer ids that are the likeliest, one after the other @param {Partial<{window: number, vocabSize: number, buckets: number[]}>} [shape] */
  constructor(answer, shape = {}) {
    this.window = shape.window ?? bundle.window;
    this.vocabSize = shape.vocabSize ?? bundle.vocabSize;
    this.buckets = shape.buckets ?? bundle.buckets;
    this.answer = answer;
    this.promptTokens = NaN; // set by a test that wants the answer to begin there
    /** @type {number[]} what the caches hold */
    this.ids = [];
    this.clears = 0;
  }

  clear() {
    this.ids = [];
    this.clears++;
  }

  /** @param {number[]} ids @param {number} position @param {number} bucket */
  async prefill(ids, position, bucket) {
    assert.ok(this.buckets.includes(bucket), `no signature prefill_${bucket}`);
    assert.ok(ids.length >= 1 && ids.length <= bucket, `${ids.length} ids in a bucket of ${bucket}`);
    assert.ok(position + bucket <= this.window, `a bucket of ${bucket} at ${position} reaches over the window`);
    assert.equal(position, this.ids.length, "the caches have no gap");
    this.ids.push(...ids);
  }

  /** @param {number} id @param {number} position */
  async decode(id, position) {
    assert.ok(position < this.window, `position ${position} is outside the window`);
    assert.equal(position, this.ids.length, "the caches have no gap");
    this.ids.push(id);
    const logits = new Float32Array(this.vocabSize);
    logits[this.answer[this.ids.length - this.promptTokens] ?? bundle.stopIds[0]] = 1;
    return logits;
  }
}
