/** The model in the worker: opened once, asked one question at a time. */

import { Actions, describe } from "./core/actions.js";
import { Chat } from "./core/chat.js";
import { fetchFolder } from "./model_folder.js";
import { LiteRtRunner } from "./litert_runner.js";
import { filesRead, loadLibrary } from "./litert_library.js";

const MOST_THREADS = 4;
const BREATH_MS = 16; // so long at most, a worker that computes hears nothing: an answer could not be stopped

/**
 * @typedef {object} Facts what the page shows of an opened model
 * @property {string} variant
 * @property {string[]} variants that could be opened instead
 * @property {number} bytes of the model's file
 * @property {number} parameters
 * @property {number} window
 * @property {number} vocabSize
 * @property {number} threads
 * @property {string} constrain "off", "schema" or "substrings"
 * @property {string[]} functions names
 * @property {string} example of the export's golden prompt
 * @property {string[]} addresses of the model's and LiteRT.js' files that were read, for offline use
 */

export class Session {
  /**
   * @param {{variant: string | null, threads: number | null}} wanted null: int8; as many threads as suit the machine
   * @param {(done: number, total: number) => void} onProgress
   */
  static async open(wanted, onProgress) {
    const threads = usableThreads(wanted.threads);
    const [folder, library] = await Promise.all([fetchFolder(onProgress, wanted.variant), loadLibrary(threads)]);
    const { bundle, variant, files } = folder;
    const name = bundle.modelFile(variant);
    const runner = await LiteRtRunner.open(library, files[name], threads);
    delete files[name]; // WebAssembly has its own copy
    const chat = new Chat({ bundle, files, runner, variant });
    await chat.selfTest();
    return new Session(chat, runner, folder, threads);
  }

  /** @param {Chat} chat @param {LiteRtRunner} runner @param {any} folder @param {number} threads */
  constructor(chat, runner, folder, threads) {
    this.chat = chat;
    this.runner = runner;
    this._folder = folder;
    this._threads = threads;
    this._actions = chat.tools ? new Actions(chat.tools) : null;
    /** @type {AbortController | null} */
    this._answering = null;
    this._rested = 0;
  }

  /** @returns {Facts} */
  facts() {
    const { bundle, variant, variants, parameters } = this._folder;
    return {
      variant,
      variants,
      bytes: bundle.files[bundle.modelFile(variant)].bytes,
      parameters,
      window: bundle.window,
      vocabSize: bundle.vocabSize,
      threads: this._threads,
      constrain: bundle.constrain,
      functions: (this.chat.tools ?? []).map((tool) => tool.name),
      example: bundle.golden.messages[0].content,
      addresses: [...this._folder.addresses, ...filesRead()],
    };
  }

  /**
   * @param {string} text
   * @param {boolean} constrained
   * @param {(piece: string) => void} onText
   */
  async ask(text, constrained, onText) {
    this._answering = new AbortController();
    const constrain = constrained ? this.chat.constrain : "off";
    const { signal } = this._answering;
    const answer = await this.chat.answer(text, { constrain, onText, onToken: () => this._breathe(), signal });
    return { ...answer, tokensPerSecond: answer.tokensPerSecond, action: this._considered(answer) };
  }

  /** What the answer comes to: nothing is done here. null where the model has no functions. @param {import("./core/answer.js").Answer} answer */
  _considered(answer) {
    const action = this._actions?.consider(answer);
    return action ? { ...action, said: describe(action) } : null;
  }

  /** Ends the answer under way; its promise is rejected with an AbortError. */
  stop() {
    this._answering?.abort();
  }

  /** Lets messages in; not at each token, since that can cost more than a token's work on a small file. */
  async _breathe() {
    if (performance.now() - this._rested > BREATH_MS) {
      await new Promise((resolve) => setTimeout(resolve));
      this._rested = performance.now();
    }
  }
}

/** @param {number | null} wanted */
export function usableThreads(wanted) {
  if (!self.crossOriginIsolated || typeof SharedArrayBuffer === "undefined") {
    return 1;
  }
  return Math.max(1, Math.min(wanted ?? defaultThreads(), MOST_THREADS));
}

/** Half the cores: the rest of the browser wants some, too. */
function defaultThreads() {
  return Math.floor(navigator.hardwareConcurrency / 2);
}
