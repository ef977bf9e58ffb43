/** bundle.json: what an exported folder holds and how it wants to be used. */

import { CONSTRAINTS } from "./constraint.js";
import { ModelError } from "./errors.js";

export const FORMAT_VERSION = 1;
const TOKENIZER_FILE = "tokenizer.json";

/** @typedef {{bytes: number, sha256: string}} FileEntry */

/**
 * The checked contents of a bundle.json. `Bundle.parse` throws ModelError where it is of another format, incomplete
 * or contradicts itself; the files are checked as they arrive: a damaged one is found by its size or sha256, one of
 * another export by what the model says of itself, and not as strange text later.
 */
export class Bundle {
  /** @param {any} values @param {string} where for messages */
  constructor(values, where) {
    this.where = where;
    /** @type {Record<string, FileEntry>} */
    this.files = values.files;
    /** @type {Record<string, {file: string, signatures: any}>} */
    this.variants = values.variants;
    /** @type {Record<string, any>} shape of the network: parameters, num_hidden_layers, … */
    this.model = values.model ?? {};
    /** @type {number} */
    this.window = values.window;
    /** @type {number} */
    this.vocabSize = values.vocab_size;
    /** @type {number[]} sizes of the prefill signatures, ascending */
    this.buckets = [...(values.prefill ?? [])].sort((a, b) => a - b);
    /** @type {number} */
    this.startId = values.start_id;
    /** @type {number[]} */
    this.stopIds = values.stop_ids;
    /** @type {{messages: import("./chat_template.js").Message[], prompt_ids: number[], first_ids: Record<string, number[]>}} */
    this.golden = values.golden;
    /** @type {string | null} */
    this.toolsFile = values.tools_file;
    /** @type {import("./constraint.js").Constrain} */
    this.constrain = values.constrain ?? (this.toolsFile ? "schema" : "off");
    this._check();
  }

  /** Reads the text of a bundle.json. @param {string} text @param {string} [where] its name in messages */
  static parse(text, where = "bundle.json") {
    let values;
    try {
      values = JSON.parse(text);
    } catch (error) {
      throw new ModelError(`${where} is not JSON (${/** @type {Error} */ (error).message}). Copy the folder again.`);
    }
    if (values?.format_version !== FORMAT_VERSION) {
      throw new ModelError(
        `${where} has format_version ${JSON.stringify(values?.format_version)}, this runtime reads ${FORMAT_VERSION}. ` +
          "Export again, or take the runtime that belongs to the folder.",
      );
    }
    return new Bundle(values, where);
  }

  /** int8 where there is one, else the first. */
  defaultVariant() {
    return Object.hasOwn(this.variants, "int8") ? "int8" : Object.keys(this.variants).sort()[0];
  }

  /** The .tflite file of a variant; ModelError lists the variants there are. @param {string} variant */
  modelFile(variant) {
    if (!Object.hasOwn(this.variants, variant)) {
      const known = Object.keys(this.variants).sort().join(", ");
      throw new ModelError(`${this.where} has no variant "${variant}"; it has ${known}.`);
    }
    return this.variants[variant].file;
  }

  /** Names of all files that a chat with a variant needs. @param {string} variant */
  neededFiles(variant) {
    return [this.modelFile(variant), TOKENIZER_FILE, ...(this.toolsFile ? [this.toolsFile] : [])];
  }

  /** ModelError where a file has another size than recorded. @param {string} name @param {number} bytes */
  checkSize(name, bytes) {
    const expected = this.files[name]?.bytes;
    if (bytes !== expected) {
      throw new ModelError(
        `${name} has ${bytes} bytes, ${this.where} says ${expected}: it is truncated or of another export. ` +
          "Copy the whole folder again.",
      );
    }
  }

  /** ModelError where a file's size or sha256 is not the recorded one. @param {string} name @param {Uint8Array<ArrayBuffer>} bytes */
  async checkFile(name, bytes) {
    this.checkSize(name, bytes.length);
    if (!globalThis.crypto?.subtle) {
      throw new ModelError("The files cannot be checked here: open the page by https, or from localhost.");
    }
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (hex !== this.files[name].sha256) {
      throw new ModelError(`${name} is damaged: its sha256 is not the one in ${this.where}. Copy it again.`);
    }
  }

  /**
   * ModelError where a loaded model has another shape than this bundle: one of them is of another export.
   * @param {{window: number, vocabSize: number, buckets: readonly number[]}} runner
   */
  checkRunner({ window, vocabSize, buckets }) {
    const found = { window, vocabulary: vocabSize, buckets: [...buckets].sort((a, b) => a - b).join(", ") };
    const expected = { window: this.window, vocabulary: this.vocabSize, buckets: this.buckets.join(", ") };
    for (const key of /** @type {(keyof typeof found)[]} */ (Object.keys(found))) {
      if (found[key] !== expected[key]) {
        throw new ModelError(
          `The model has the ${key} ${found[key]}, ${this.where} says ${expected[key]}: they are of different ` +
            "exports. Copy the whole folder again.",
        );
      }
    }
  }

  _check() {
    for (const [field, isRight] of Object.entries(this._checks())) {
      let right = false;
      try {
        right = isRight();
      } catch {
        // a part of it is missing
      }
      if (!right) {
        throw new ModelError(`${this.where} is damaged (${field}). Copy the folder again.`);
      }
    }
  }

  /** @returns {Record<string, () => boolean>} field to whether it is as it should be */
  _checks() {
    const isId = (/** @type {number} */ id) => isCount(id) && id < this.vocabSize;
    const isFile = (/** @type {string} */ name) => Object.hasOwn(this.files, name);
    return {
      files: () => Object.entries(this.files).every(isFileEntry) && isFile(TOKENIZER_FILE),
      variants: () =>
        Object.keys(this.variants).length > 0 && Object.values(this.variants).every(({ file }) => isFile(file)),
      window: () => isCount(this.window) && this.window > 0,
      vocab_size: () => isCount(this.vocabSize) && this.vocabSize > 0,
      prefill: () => this.buckets.every((size) => isCount(size) && size > 0 && size <= this.window),
      start_id: () => isId(this.startId),
      stop_ids: () => this.stopIds.length > 0 && this.stopIds.every(isId),
      golden: () =>
        this.golden.messages.length > 0 &&
        this.golden.messages.every(({ role, content }) => typeof role === "string" && typeof content === "string") &&
        this.golden.prompt_ids.length > 0 &&
        [this.golden.prompt_ids, ...Object.keys(this.variants).map((name) => this.golden.first_ids[name])].every(
          (ids) => ids.every(isId), // no first ids where the very first was close to a tie
        ),
      tools_file: () => this.toolsFile === null || isFile(this.toolsFile),
      constrain: () => CONSTRAINTS.includes(this.constrain) && (this.constrain === "off" || this.toolsFile !== null),
    };
  }
}

/** @param {unknown} value */
function isCount(value) {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** A file beside bundle.json, never one elsewhere: names come from a download. @param {[string, FileEntry]} entry */
function isFileEntry([name, { bytes, sha256 }]) {
  return /^[\w-][\w.-]*$/.test(name) && isCount(bytes) && /^[0-9a-f]{64}$/.test(sha256);
}
