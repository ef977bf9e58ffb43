/** The page's side of the worker: one model open, one question at a time. */

import { PageFault } from "./faults.js";

/** @typedef {import("./session.js").Facts} Facts */
/** @typedef {(piece: string) => void} OnText */
/** @typedef {{resolve: (value: any) => void, reject: (error: Error) => void, onText: OnText}} Waiting */

export class ModelClient {
  /** @param {(done: number, total: number) => void} onProgress bytes of the model's files */
  constructor(onProgress) {
    this._onProgress = onProgress;
    this._worker = new Worker(new URL("./worker.js", import.meta.url));
    this._worker.onmessage = ({ data }) => this._hear(data);
    this._worker.onerror = (event) => {
      event.preventDefault();
      this._failAll(new PageFault("unknown", event.message || "The worker could not be started."));
    };
    this._last = 0;
    /** @type {Map<number, Waiting>} */
    this._waiting = new Map();
  }

  /**
   * @param {string | null} variant null: int8
   * @param {number | null} threads null: as suits the machine
   * @returns {Promise<Facts>}
   */
  open(variant, threads) {
    return this._request({ type: "open", variant, threads });
  }

  /**
   * @param {string} text
   * @param {boolean} constrained
   * @param {(piece: string) => void} onText
   * @returns {Promise<import("./answer_card.js").Answer | null>} null where it was stopped
   */
  ask(text, constrained, onText) {
    return this._request({ type: "ask", text, constrained }, onText);
  }

  stop() {
    this._worker.postMessage({ type: "stop" });
  }

  /** Ends the worker; its memory is free again, and what was asked counts as stopped. */
  close() {
    this._worker.terminate();
    for (const { resolve } of this._waiting.values()) {
      resolve(null);
    }
    this._waiting.clear();
  }

  /** @param {object} message @param {(piece: string) => void} onText @returns {Promise<any>} */
  _request(message, onText = () => {}) {
    const id = ++this._last;
    return new Promise((resolve, reject) => {
      this._waiting.set(id, { resolve, reject, onText });
      this._worker.postMessage({ ...message, id });
    });
  }

  /** @param {any} data */
  _hear(data) {
    const request = this._waiting.get(data.id);
    if (data.type === "progress") {
      this._onProgress(data.done, data.total);
    } else if (data.type === "text") {
      request?.onText(data.piece);
    } else {
      this._waiting.delete(data.id);
      if (data.type === "fault") {
        request?.reject(new PageFault(data.fault.kind, data.fault.message));
      } else {
        request?.resolve(data.facts ?? data.answer ?? null);
      }
    }
  }

  /** @param {Error} error */
  _failAll(error) {
    for (const { reject } of this._waiting.values()) {
      reject(error);
    }
    this._waiting.clear();
  }
}
