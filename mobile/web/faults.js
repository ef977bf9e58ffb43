/**
 * What can go wrong for somebody who opens the page, in words that say what to do.
 *
 * Errors cross from the worker to the page as plain objects: {kind, message}.
 */

/** @typedef {"browser" | "missing" | "offline" | "damaged" | "memory" | "text" | "unknown"} Kind */
/** @typedef {{kind: Kind, message: string}} Fault */

/** Kind → title, and what to do. */
const WORDS = {
  browser: [
    "This browser is too old",
    "The model runs inside the browser. It needs Chrome or Edge 91, Firefox 114, Safari 16.4, or newer.",
  ],
  missing: [
    "A file is missing",
    "The server does not have everything that the page needs. Export the model again, or copy its whole folder.",
  ],
  offline: [
    "The server does not answer",
    "Start it again (tandem web RUN), then reload. Once the page says that it works offline, it needs no server.",
  ],
  damaged: [
    "The model’s files do not belong together",
    "A file is damaged, cut off, or of another model. Export again, or copy the whole folder again, then reload.",
  ],
  memory: [
    "Not enough memory",
    "The browser refused the memory that the model needs. Close other tabs and reload, or export a smaller model.",
  ],
  text: ["", ""],
  unknown: ["Something went wrong", "Reload the page. If it happens again, the lines below say where it stopped."],
};

/** How browsers and WebAssembly say that there is no memory. */
const MEMORY = /out of memory|OOM|allocation failed|bad_alloc|could not allocate/i;

/** An error with a kind. */
export class PageFault extends Error {
  /** @param {Kind} kind @param {string} message */
  constructor(kind, message) {
    super(message);
    this.name = "PageFault";
    this.kind = kind;
  }
}

/** @param {Kind} kind @returns {{title: string, advice: string}} */
export function wordsFor(kind) {
  const [title, advice] = WORDS[kind] ?? WORDS.unknown;
  return { title, advice };
}

/** An error of any origin as the page tells it. @param {unknown} error @returns {Fault} */
export function faultOf(error) {
  const message = error instanceof Error ? error.message : String(error);
  const name = error instanceof Error ? error.name : "";
  if (error instanceof PageFault) {
    return { kind: error.kind, message };
  }
  if (name === "PromptError" || name === "ContextFullError") {
    return { kind: "text", message };
  }
  if (["ModelError", "SchemaError", "ActionError"].includes(name)) {
    return { kind: "damaged", message };
  }
  if (error instanceof RangeError || MEMORY.test(message)) {
    return { kind: "memory", message };
  }
  return { kind: "unknown", message: name && !message.startsWith(name) ? `${name}: ${message}` : message };
}

/** An empty WebAssembly module with one SIMD instruction: what LiteRT's slowest file still needs. */
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** What the browser lacks, in words; empty where it has all. @returns {string[]} */
export function missingFeatures() {
  const wanted = /** @type {[string, boolean][]} */ ([
    ["WebAssembly", typeof WebAssembly === "object"],
    ["WebAssembly SIMD", typeof WebAssembly === "object" && WebAssembly.validate(SIMD)],
    ["workers", typeof Worker === "function"],
    ["streams", typeof ReadableStream === "function"],
    ["cryptography (pages from http:// addresses other than localhost lack it)", Boolean(globalThis.crypto?.subtle)],
  ]);
  return wanted.filter(([, there]) => !there).map(([name]) => name);
}
