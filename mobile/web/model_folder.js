/** The exported folder, fetched: bundle.json first, then what it names, each checked by its size and hash. */

import { Bundle } from "./core/bundle.js";
import { PageFault } from "./faults.js";

const FOLDER = new URL("./model/", import.meta.url);

/** What a browser computes right; int4 is not among it (mobile/web/README.md). */
const VARIANTS = ["int8", "fp32"];

/**
 * @param {(done: number, total: number) => void} onProgress bytes
 * @param {string | null} variant null: int8, else fp32
 */
export async function fetchFolder(onProgress, variant) {
  const addresses = [new URL("bundle.json", FOLDER)];
  const text = new TextDecoder().decode(await fetchBytes(addresses[0], 0, () => {}));
  const bundle = Bundle.parse(text);
  const variants = VARIANTS.filter((name) => name in bundle.variants);
  const chosen = variant ?? variants[0];
  if (!variants.includes(chosen)) {
    throw new PageFault("missing", `The folder has no variant ${chosen ?? "that a browser runs"}.`);
  }
  /** @type {Record<string, Uint8Array<ArrayBuffer>>} */
  const files = {};
  const names = bundle.neededFiles(chosen);
  const total = names.reduce((sum, name) => sum + bundle.files[name].bytes, 0);
  let before = 0;
  for (const name of names) {
    const { bytes, sha256 } = bundle.files[name];
    // The hash in the address: what is kept for offline use can never be another export's file.
    const address = new URL(`${encodeURIComponent(name)}?v=${sha256.slice(0, 16)}`, FOLDER);
    addresses.push(address);
    files[name] = await fetchBytes(address, bytes, (done) => onProgress(before + done, total));
    await bundle.checkFile(name, files[name]);
    before += bytes;
  }
  const parameters = JSON.parse(text).model?.parameters ?? 0;
  return { bundle, variants, variant: chosen, files, parameters, addresses: addresses.map(({ href }) => href) };
}

/**
 * @param {URL} address
 * @param {number} expected bytes, to have the memory at once; 0: unknown
 * @param {(done: number) => void} onProgress
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function fetchBytes(address, expected, onProgress) {
  const name = decodeURIComponent(address.pathname.split("/").at(-1) ?? "");
  const response = await fetch(address).catch((error) => {
    throw new PageFault("offline", `${name} could not be fetched (${error.message}).`);
  });
  if (!response.ok) {
    throw new PageFault("missing", `${name} is not there: the server says ${response.status}.`);
  }
  if (!expected || !response.body) {
    return new Uint8Array(await response.arrayBuffer());
  }
  return collected(response.body, new Uint8Array(expected), name, onProgress);
}

/**
 * @param {ReadableStream<Uint8Array>} stream
 * @param {Uint8Array<ArrayBuffer>} into
 * @param {string} name
 * @param {(done: number) => void} onProgress
 */
async function collected(stream, into, name, onProgress) {
  const reader = stream.getReader();
  let done = 0;
  for (;;) {
    const part = await reader.read().catch((error) => {
      throw new PageFault("offline", `${name} broke off after ${done} bytes (${error.message}).`);
    });
    if (part.done) {
      return into.subarray(0, done); // too short: the check of its size says so
    }
    if (done + part.value.length > into.length) {
      await reader.cancel();
      throw new PageFault("damaged", `${name} is longer than bundle.json says (${into.length} bytes).`);
    }
    into.set(part.value, done);
    done += part.value.length;
    onProgress(done);
  }
}
