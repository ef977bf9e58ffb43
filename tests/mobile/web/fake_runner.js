/** A runner that answers what it is told, and keeps to the rules of a real file: what it was asked is checked. */

import assert from "node:assert/strict";

import { bundle } from "./contract.js";

export class FakeRunner {
  /** @param {number[]} answer ids that are the likeliest, one after the other @param {Partial<{window: number, vocabSize: number, buckets: number[], verifySize: number}>} [shape] */
  constructor(answer, shape = {}) {
    this.window = shape.window ?? bundle.window;
    this.vocabSize = shape.vocabSize ?? bundle.vocabSize;
    this.buckets = shape.buckets ?? bundle.buckets;
    this.verifySize = shape.verifySize ?? 0;
    this.answer = answer;
    this.promptTokens = NaN; // set by a test that wants the answer to begin there
    /** @type {number[]} what the caches hold */
    this.ids = [];
    this.sure = 0; // how many of these are no drafts
    this.clears = 0;
    this.calls = 0; // of decode and verify
  }

  clear() {
    this.ids = [];
    this.sure = 0;
    this.clears++;
  }

  /** Logits after `ids`. @param {number[]} ids */
  logits(ids) {
    const logits = new Float32Array(this.vocabSize);
    logits[this.answer[ids.length - this.promptTokens] ?? bundle.stopIds[0]] = 1;
    return logits;
  }

  /** @param {number[]} ids @param {number} position @param {number} bucket */
  async prefill(ids, position, bucket) {
    assert.ok(this.buckets.includes(bucket), `no signature prefill_${bucket}`);
    assert.ok(ids.length >= 1 && ids.length <= bucket, `${ids.length} ids in a bucket of ${bucket}`);
    assert.ok(position + bucket <= this.window, `a bucket of ${bucket} at ${position} reaches over the window`);
    this._write(ids, position, ids.length);
  }

  /** @param {number} id @param {number} position */
  async decode(id, position) {
    assert.ok(position < this.window, `position ${position} is outside the window`);
    this._write([id], position, 1);
    this.calls++;
    return this.logits(this.ids);
  }

  /** @param {number[]} ids @param {number} position */
  async verify(ids, position) {
    assert.ok(ids.length >= 1 && ids.length <= this.verifySize, `${ids.length} ids to verify_${this.verifySize}`);
    assert.ok(position + this.verifySize <= this.window, `verify_${this.verifySize} at ${position} reaches too far`);
    this._write(ids, position, 1);
    this.calls++;
    const logits = new Float32Array(this.verifySize * this.vocabSize).fill(NaN); // rows of padding mean nothing
    ids.forEach((_, row) => logits.set(this.logits(this.ids.slice(0, position + row + 1)), row * this.vocabSize));
    return logits;
  }

  /** Over drafts at most. @param {number[]} ids @param {number} position @param {number} sure so many are no drafts */
  _write(ids, position, sure) {
    assert.ok(position <= this.ids.length, "the caches have no gap");
    assert.ok(position >= this.sure, "what was read is not written over");
    this.ids.splice(position, Infinity, ...ids);
    this.sure = position + sure;
  }
}
