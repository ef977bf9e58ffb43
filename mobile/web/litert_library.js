/**
 * LiteRT.js (@litertjs/core), loaded in this worker: its WebAssembly file with threads or without.
 *
 * It must be a classic worker: LiteRT.js loads its script by importScripts(), which module workers refuse.
 */

import { PageFault } from "./faults.js";

/** @typedef {any} Library the module of @litertjs/core */

const MODULES = ["index.js", "wasm-utils.js"];
const WASM = new URL("./litert/wasm/", import.meta.url);
const THREADED = "litert_wasm_threaded_internal.js";
const LINES_KEPT = 40;

/** What LiteRT has written, the latest lines: its errors say little without them. @type {string[]} */
export const notes = [];

/** @type {Set<string>} names in wasm/ */
const located = new Set();

/**
 * @param {number} threads 1: the file without threads, which needs no cross-origin isolation
 * @returns {Promise<Library>}
 */
export async function loadLibrary(threads) {
  withoutGpu();
  limitCores(threads);
  // Emscripten's own settings: where its files are (it would ask beside worker.js), and where its lines go.
  Object.assign(self, {
    Module: {
      locateFile,
      mainScriptUrlOrBlob: new URL(THREADED, WASM).href,
      print: note,
      printErr: note,
    },
  });
  const library = await imported();
  await library.loadLiteRt(WASM.href, { threads: threads > 1 });
  return library;
}

/** Addresses of all files that the library consists of here: which .wasm it takes depends on the browser. */
export function filesRead() {
  const scripts = [...located].map((name) => name.replace(/\.wasm$/, ".js"));
  const modules = MODULES.map((name) => new URL(`./litert/${name}`, import.meta.url).href);
  return [...modules, ...[...located, ...scripts].map((name) => new URL(name, WASM).href)];
}

/** @param {string} name of a .wasm file */
function locateFile(name) {
  located.add(name);
  return new URL(name, WASM).href;
}

/** @returns {Promise<Library>} */
async function imported() {
  try {
    return await import(new URL("./litert/index.js", import.meta.url).href);
  } catch (error) {
    throw new PageFault("missing", `LiteRT.js was not served (${String(error)}).`);
  }
}

/** @param {string} line */
function note(line) {
  notes.push(line);
  notes.splice(0, notes.length - LINES_KEPT);
}

/**
 * LiteRT.js asks for the fastest GPU before anything else, and warns where there is none. This page computes on the
 * CPU (the file's gates were passed there): it is told that there is none, quietly.
 */
function withoutGpu() {
  const adapter = { limits: {}, features: new Set(), requestDevice: async () => null };
  Object.defineProperty(navigator, "gpu", { configurable: true, value: { requestAdapter: async () => adapter } });
}

/** Emscripten starts a thread for each core, before the model asks for any. @param {number} threads */
function limitCores(threads) {
  Object.defineProperty(navigator, "hardwareConcurrency", { configurable: true, value: threads });
}
