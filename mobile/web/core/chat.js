/** A chat with an exported folder: prompt in, streamed text out, and the self-test an app runs at start. */

import { Answer, TextStream } from "./answer.js";
import { lastSaid, promptIds } from "./chat_template.js";
import { CONSTRAINTS, CallConstraint, ConstrainedSampler } from "./constraint.js";
import { ContextFullError, ModelError } from "./errors.js";
import { generate, readAllButLast, readPrompt } from "./generate.js";
import { Drafter } from "./drafter.js";
import { Sampler, argmax } from "./sampler.js";
import { Tokenizer } from "./tokenizer.js";
import { readTools } from "./tools.js";

/** @typedef {import("./chat_template.js").Message} Message */
/** @typedef {import("./constraint.js").Constrain} Constrain */

/**
 * @typedef {object} AnswerOptions
 * @property {number} [maxNewTokens] up to the window's end where it is not given
 * @property {{choose(logits: Float32Array): number}} [sampler] greedy where it is not given
 * @property {Constrain} [constrain] the chat's where it is not given
 * @property {(piece: string) => unknown} [onText] gets the text as it comes
 * @property {(id: number) => unknown} [onToken] gets the ids; awaited, so a worker can let messages in between
 * @property {AbortSignal} [signal]
 */

export class Chat {
  /**
   * ModelError where runner or tokenizer are of another model than the bundle, SchemaError where tools.json cannot
   * be guaranteed.
   * @param {object} options
   * @param {import("./bundle.js").Bundle} options.bundle
   * @param {Record<string, Uint8Array | string>} options.files tokenizer.json and tools.json, checked by the bundle
   * @param {import("./generate.js").Runner} options.runner
   * @param {string} [options.variant] which file the runner has loaded
   * @param {Constrain} [options.constrain] what bundle.json recommends where it is not given
   * @param {boolean} [options.speculative] speculative decoding, where the runner has `verify`: answers take several
   *   tokens per call. Draft tokens, learned from the answers of this chat, are accepted where they are chosen
   */
  constructor({
    bundle,
    files,
    runner,
    variant = bundle.defaultVariant(),
    constrain = bundle.constrain,
    speculative = true,
  }) {
    bundle.checkRunner(runner);
    this.bundle = bundle;
    this.runner = runner;
    this.variant = variant;
    const contents = textOf(files, "tokenizer.json");
    this.tokenizer = Tokenizer.parse(contents);
    if (this.tokenizer.vocabSize > bundle.vocabSize) {
      throw new ModelError(
        `tokenizer.json has ${this.tokenizer.vocabSize} tokens, ${bundle.where} says ${bundle.vocabSize}: it is of ` +
          "another model. Copy the whole folder again.",
      );
    }
    this._tokenizerContents = JSON.parse(contents);
    this._drafter = speculative && runner.verifySize ? new Drafter(this._tokenizerContents) : null;
    /** @type {import("./tools.js").Tool[] | null} */
    this.tools = bundle.toolsFile ? readTools(textOf(files, bundle.toolsFile)) : null;
    /** @type {Map<Constrain, CallConstraint>} */
    this._constraints = new Map();
    /** @type {Promise<unknown>} what was asked last */
    this._last = Promise.resolve();
    /** What answers may be, where a call does not say. @type {Constrain} */
    this.constrain = constrain;
    if (constrain !== "off") {
      this.constraint(constrain);
    }
  }

  /** The constraint of the folder's tools.json, made once. @param {Constrain} kind "schema" or "substrings" */
  constraint(kind) {
    if (!CONSTRAINTS.includes(kind) || kind === "off") {
      throw new ModelError(`constrain is "${kind}"; known are ${CONSTRAINTS.join(", ")}.`);
    }
    if (!this.tools) {
      throw new ModelError('The folder has no tools.json to constrain answers by. Use constrain "off".');
    }
    const { vocabSize, stopIds } = this.bundle;
    const parts = { tools: this.tools, tokenizer: this._tokenizerContents, vocabSize, stopIds };
    /** @type {CallConstraint} */
    const made = this._constraints.get(kind) ?? new CallConstraint({ ...parts, substrings: kind === "substrings" });
    this._constraints.set(kind, made);
    return made;
  }

  /** Ids of one user text, or of a list of messages, up to the assistant's answer. @param {string | Message[]} messages */
  promptIds(messages) {
    return promptIds(this.tokenizer, listOf(messages), this.bundle.startId, this.bundle.stopIds[0]);
  }

  /**
   * The whole answer with its times. A conversation of its own: the caches are cleared first.
   *
   * PromptError for an empty text and ContextFullError for one without room for an answer, before anything is run.
   * @param {string | Message[]} messages
   * @param {AnswerOptions} [options]
   */
  async answer(messages, { maxNewTokens = Infinity, sampler, constrain, onText, onToken, signal } = {}) {
    const start = performance.now();
    const prompt = this.promptIds(messages);
    const limit = Math.min(maxNewTokens, this._room(prompt) + 1); // the last new id is not read back
    return this._alone(async () => {
      const choosing = this._sampler(listOf(messages), limit, sampler ?? new Sampler(), constrain ?? this.constrain);
      const choose = choosing.choose.bind(choosing);
      const { stopIds } = this.bundle;
      this._drafter?.begin(prompt);
      const how = { maxNewTokens: limit, stopIds, choose, drafter: this._drafter, signal };
      const ids = generate(this.runner, prompt, how);
      const { times, ...got } = await this._collected(ids, onText, onToken);
      const end = performance.now();
      const constrained = choosing instanceof ConstrainedSampler ? choosing : null;
      return new Answer({
        ...got,
        stopped: got.ids.length < limit && !constrained?.squeezed,
        promptTokens: prompt.length,
        first: ((times[0] ?? end) - start) / 1e3,
        seconds: (end - start) / 1e3,
        refused: constrained?.refused ?? 0,
      });
    });
  }

  /** @param {AsyncIterable<number>} generated @param {AnswerOptions["onText"]} onText @param {AnswerOptions["onToken"]} onToken */
  async _collected(generated, onText, onToken) {
    const stream = new TextStream(this.tokenizer);
    const got = { text: "", ids: /** @type {number[]} */ ([]), times: /** @type {number[]} */ ([]) };
    const give = async (/** @type {string} */ piece) => {
      got.text += piece;
      await (piece && onText?.(piece));
    };
    for await (const id of generated) {
      got.ids.push(id);
      got.times.push(performance.now());
      await give(stream.push(id));
      await onToken?.(id);
    }
    await give(stream.end());
    return got;
  }

  /**
   * Runs the golden prompt of bundle.json; ModelError where this machine computes something else.
   *
   * Some runtimes load an operator version they do not know and give all-zero logits without an error. The first ids
   * recorded at export end before the first near tie, so that another CPU's rounding cannot change them.
   */
  async selfTest() {
    const { messages, prompt_ids: prompt, first_ids: firstIds } = this.bundle.golden;
    const expected = firstIds[this.variant];
    if (!expected) {
      throw new ModelError(`${this.bundle.where} has no golden ids of the variant "${this.variant}". Export again.`);
    }
    const got = await this._alone(() => this._greedy(prompt, expected));
    if (got.join() !== expected.join()) {
      throw new ModelError(
        `The self-test failed: the golden prompt gives the ids ${got}, ${this.bundle.where} says ${expected}. This ` +
          "runtime computes something else than the one of the export.",
      );
    }
    const verified = await this._alone(() => this._verified(prompt, expected));
    if (verified.join() !== expected.slice(0, verified.length).join()) {
      throw new ModelError(
        `The self-test failed: on the golden prompt verify gives the ids ${verified}, decode ${got}. Open the folder ` +
          "with speculative: false.",
      );
    }
    if (this.promptIds(messages).slice(0, prompt.length).join() !== prompt.join()) {
      throw new ModelError("The self-test failed: the tokenizer gives other ids for the golden prompt than at export.");
    }
    return { variant: this.variant, idsChecked: expected.length };
  }

  /** The likeliest ids after a prompt, up to the first that is not the expected one. @param {number[]} prompt @param {number[]} expected */
  async _greedy(prompt, expected) {
    const got = [];
    let logits = await readPrompt(this.runner, prompt);
    if (!logits.every(Number.isFinite) || logits.every((logit) => logit === logits[0])) {
      throw new ModelError(
        `The self-test failed: the logits are all ${logits[0]} or not finite. This runtime does not compute the ` +
          "file's operators; use a newer one, or the fp32 file.",
      );
    }
    for (const id of expected) {
      logits = got.length ? await this.runner.decode(got[got.length - 1], prompt.length + got.length - 1) : logits;
      if (got.push(argmax(logits)) && got[got.length - 1] !== id) {
        break;
      }
    }
    await this.runner.clear();
    return got;
  }

  /** The likeliest ids by one call of verify; none where it isn't used. @param {number[]} prompt @param {number[]} expected */
  async _verified(prompt, expected) {
    const { verifySize: size = 0, vocabSize, window } = this.runner;
    const count = Math.min(size, expected.length);
    if (!this._drafter || !this.runner.verify || !count || prompt.length - 1 + size > window) {
      return [];
    }
    const read = [prompt[prompt.length - 1], ...expected].slice(0, count);
    await readAllButLast(this.runner, prompt);
    const logits = await this.runner.verify(read, prompt.length - 1);
    const got = read.map((_, row) => argmax(logits.subarray(row * vocabSize, (row + 1) * vocabSize)));
    await this.runner.clear();
    return got;
  }

  /** @param {number[]} prompt */
  _room(prompt) {
    const free = this.runner.window - prompt.length;
    if (free <= 0) {
      throw new ContextFullError(
        `The text is too long: with its frame it has ${prompt.length} tokens, the window holds ${this.runner.window}, ` +
          "and the answer needs room, too. Shorten it.",
      );
    }
    return free;
  }

  /** @param {Message[]} messages @param {number} limit @param {{choose(logits: any): number}} sampler @param {Constrain} kind */
  _sampler(messages, limit, sampler, kind) {
    const choose = sampler.choose.bind(sampler);
    return kind === "off" ? sampler : this.constraint(kind).sampler(choose, lastSaid(messages), limit);
  }

  /** One after the other: two answers at once would write into the same caches. @template T @param {() => Promise<T>} work */
  _alone(work) {
    const result = this._last.then(work);
    this._last = result.catch(() => undefined);
    return result;
  }
}

/** @param {string | Message[]} messages @returns {Message[]} */
function listOf(messages) {
  return typeof messages === "string" ? [{ role: "user", content: messages }] : messages;
}

/** @param {Record<string, Uint8Array | string>} files @param {string} name */
function textOf(files, name) {
  const file = files[name];
  if (file === undefined) {
    throw new ModelError(`${name} is missing. Copy the whole exported folder.`);
  }
  return typeof file === "string" ? file : new TextDecoder().decode(file);
}
