/**
 * An exported .tflite file on LiteRT.js: what core/chat.js calls a runner.
 *
 * Signatures are called by name. The caches that a call gives back are the inputs of the next one, as they are:
 * nothing is copied to JavaScript but the logits. Tensors live in WebAssembly's memory, which no garbage collector
 * sees: each one is deleted by hand.
 */

import { decodeInputs, prefillInputs } from "./core/inputs.js";
import { ModelError } from "./core/errors.js";
import { notes } from "./litert_library.js";

const CACHE = "kv_cache_";

/** @typedef {import("./litert_library.js").Library} Library */

export class LiteRtRunner {
  /**
   * @param {Library} library
   * @param {Uint8Array} bytes of the file
   * @param {number} threads
   */
  static async open(library, bytes, threads) {
    let model;
    try {
      model = await library.loadAndCompile(bytes, { accelerator: "wasm", cpuOptions: { numThreads: threads } });
    } catch (error) {
      throw unreadable(error);
    }
    return new LiteRtRunner(library, model);
  }

  /** @param {Library} library @param {any} model */
  constructor(library, model) {
    this._library = library;
    this._model = model;
    const names = Object.keys(model.signatures);
    const decode = model.signatures.decode;
    if (!decode) {
      throw new ModelError(`The file has the signatures ${names.join(", ")} and no decode: it is no exported student.`);
    }
    this.buckets = sizesOf(names, "prefill_");
    /** Tokens of the verify signature; 0 where there is none. */
    this.verifySize = sizesOf(names, "verify_").at(-1) ?? 0;
    this.window = shapeOf(decode.getInputDetails(), "mask")[3];
    this.vocabSize = shapeOf(decode.getOutputDetails(), "logits")[2];
    /** @type {Map<string, Int32Array>} */
    this._shapes = new Map();
    for (const { name, shape } of decode.getInputDetails()) {
      if (name.startsWith(CACHE)) {
        this._shapes.set(name, shape);
      }
    }
    /** @type {Record<string, any>} name → tensor */
    this._caches = {};
    this.clear();
  }

  /** Caches to zero: old rows are masked out, but 0 times a NaN left in them would still be NaN. */
  clear() {
    for (const [name, shape] of this._shapes) {
      this._caches[name]?.delete();
      const size = shape.reduce((product, side) => product * side, 1);
      this._caches[name] = new this._library.Tensor(new Float32Array(size), shape);
    }
  }

  /** @param {number[]} ids @param {number} position @param {number} bucket */
  async prefill(ids, position, bucket) {
    const outputs = await this._run(`prefill_${bucket}`, prefillInputs(ids, position, bucket, this.window));
    deleteAll(outputs);
  }

  /** @param {number} id @param {number} position @returns {Promise<Float32Array>} logits [V] */
  async decode(id, position) {
    return this._logits("decode", decodeInputs(id, position, this.window));
  }

  /** @param {number[]} ids @param {number} position @returns {Promise<Float32Array>} logits [verifySize, V] */
  async verify(ids, position) {
    const inputs = prefillInputs(ids, position, this.verifySize, this.window);
    return this._logits(`verify_${this.verifySize}`, inputs);
  }

  /** Frees everything; the runner is of no use afterwards. */
  delete() {
    deleteAll(this._caches);
    this._model.delete();
  }

  /** Calls a signature; its logits. @param {string} signature @param {import("./core/inputs.js").Inputs} inputs */
  async _logits(signature, inputs) {
    const { logits, ...rest } = await this._run(signature, inputs);
    const values = logits.toTypedArray();
    deleteAll({ logits, ...rest });
    return values;
  }

  /**
   * Calls a signature and takes over its caches; gives back its other outputs.
   * @param {string} signature
   * @param {import("./core/inputs.js").Inputs} inputs
   * @returns {Promise<Record<string, any>>}
   */
  async _run(signature, { tokens, positions, mask }) {
    const { Tensor } = this._library;
    const count = tokens.length;
    const fed = {
      tokens: new Tensor(tokens, [1, count]),
      input_pos: new Tensor(positions, [count]),
      mask: new Tensor(mask, [1, 1, count, this.window]),
    };
    try {
      return this._keep(await this._model.signatures[signature].run({ ...fed, ...this._caches }));
    } finally {
      deleteAll(fed);
    }
  }

  /** @param {Record<string, any>} outputs */
  _keep(outputs) {
    /** @type {Record<string, any>} */
    const others = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      if (this._shapes.has(name)) {
        this._caches[name].delete();
        this._caches[name] = tensor;
      } else {
        others[name] = tensor;
      }
    }
    return others;
  }
}

/** @param {Record<string, any>} tensors */
function deleteAll(tensors) {
  for (const tensor of Object.values(tensors)) {
    tensor.delete();
  }
}

/** What signatures of a kind are called by, ascending. @param {string[]} names @param {string} prefix */
function sizesOf(names, prefix) {
  const sizes = names.filter((name) => name.startsWith(prefix)).map((name) => Number(name.slice(prefix.length)));
  return sizes.sort((a, b) => a - b);
}

/** @param {readonly {name: string, shape: Int32Array}[]} details @param {string} name */
function shapeOf(details, name) {
  const found = details.find((tensor) => tensor.name === name);
  if (!found) {
    throw new ModelError(`The file's decode has no ${name}: it is no exported student.`);
  }
  return found.shape;
}

/** @param {unknown} error */
function unreadable(error) {
  if (error instanceof RangeError || error instanceof WebAssembly.RuntimeError) {
    return error; // out of memory: faults.js says so
  }
  return new ModelError(`LiteRT cannot load the file (${String(error)}). ${notes.at(-1) ?? ""}`);
}
