/**
 * Byte-level BPE from tokenizer.json: text to ids and back.
 *
 * Our own and not @huggingface/tokenizers 0.2.0, which gives other ids where JavaScript's \s and \d differ from
 * Unicode's (U+0085, U+FEFF, digits of other scripts: mobile/LOG.md), and whose import by name fails in a worker.
 */

import { LETTERS, spelledBytes } from "./byte_letters.js";
import { BytePairs } from "./byte_pair.js";
import { ModelError } from "./errors.js";

// GPT-2's words. White space is Unicode's: JavaScript's \s lacks U+0085 and has U+FEFF.
const WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** @typedef {(text: string) => string[]} Split */

export class Tokenizer {
  /**
   * @param {any} contents of tokenizer.json, parsed. ModelError where it is of another kind than byte-level BPE.
   */
  constructor(contents) {
    const { model, decoder, added_tokens: added = [] } = contents ?? {};
    if (model?.type !== "BPE" || !stepsOf(decoder, "decoders").some((step) => step.type === "ByteLevel")) {
      throw new ModelError("tokenizer.json is of another kind than byte-level BPE: this runtime cannot read it.");
    }
    const vocabulary = new Map(Object.entries(model.vocab ?? {}).map(([token, id]) => [token, Number(id)]));
    this._pairs = new BytePairs(vocabulary, model.merges ?? []);
    this._whole = model.ignore_merges ? vocabulary : new Map();
    this._forms = stepsOf(contents.normalizer, "normalizers").map(formOf);
    this._splits = splitsOf(stepsOf(contents.pre_tokenizer, "pretokenizers"));
    /** @type {Map<number, Uint8Array>} what each id spells */
    this._bytes = new Map([...vocabulary].map(([token, id]) => [id, spelledBytes(token) ?? utf8(token)]));
    for (const { id, content, special } of added) {
      this._bytes.set(id, special ? new Uint8Array() : utf8(content));
    }
    /** Ids are below this. */
    this.vocabSize = 1 + [...this._bytes.keys()].reduce((most, id) => Math.max(most, id), -1);
  }

  /** Reads the text of a tokenizer.json. @param {string} text */
  static parse(text) {
    try {
      return new Tokenizer(JSON.parse(text));
    } catch (error) {
      throw error instanceof ModelError
        ? error
        : new ModelError(`tokenizer.json cannot be read (${/** @type {Error} */ (error).message}). Copy it again.`);
    }
  }

  /** Ids of plain text; special tokens written in it stay plain text. @param {string} text @returns {number[]} */
  encode(text) {
    const normal = this._forms.reduce((before, form) => before.normalize(form), text);
    const words = this._splits.reduce((parts, split) => parts.flatMap(split), [normal]);
    return words.flatMap((word) => {
      const letters = Array.from(utf8(word), (byte) => LETTERS[byte]).join("");
      const whole = this._whole.get(letters);
      return whole === undefined ? this._pairs.encode(letters) : [whole];
    });
  }

  /** Text of the ids, special ones left out. Each malformed part is one U+FFFD. @param {readonly number[]} ids */
  decode(ids) {
    const parts = ids.map((id) => this._bytes.get(id) ?? new Uint8Array());
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes); // "ignore" means: a BOM is kept
  }
}

/** @param {string} text */
function utf8(text) {
  return new TextEncoder().encode(text);
}

/** The steps of a part of tokenizer.json, which may be null, one step or a Sequence. @param {any} part @param {string} list @returns {any[]} */
function stepsOf(part, list) {
  return part ? (part[list] ?? [part]) : [];
}

/** @param {any} step */
function formOf(step) {
  if (!["NFC", "NFD", "NFKC", "NFKD"].includes(step.type)) {
    throw new ModelError(`tokenizer.json has the normalizer "${step.type}", which this runtime does not know.`);
  }
  return String(step.type);
}

/** @param {any[]} steps @returns {Split[]} */
function splitsOf(steps) {
  if (steps.at(-1)?.type !== "ByteLevel") {
    throw new ModelError("tokenizer.json does not end its pre-tokenizer with ByteLevel: this runtime cannot read it.");
  }
  return steps.map((step, index) => {
    if (step.type === "Digits") {
      const digits = step.individual_digits ? /\p{N}|\P{N}+/gu : /\p{N}+|\P{N}+/gu;
      return (text) => text.match(digits) ?? [];
    }
    if (step.type === "ByteLevel" && index === steps.length - 1) {
      return (text) => byteLevel(step.add_prefix_space && !text.startsWith(" ") ? ` ${text}` : text, step.use_regex);
    }
    throw new ModelError(`tokenizer.json has the pre-tokenizer "${step.type}", which this runtime does not know.`);
  });
}

/** @param {string} text @param {boolean} [useRegex] */
function byteLevel(text, useRegex = true) {
  return useRegex ? (text.match(WORDS) ?? []) : [text];
}
