/** The shipped student and the vectors of mobile/contract, for the tests of mobile/web/core. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { Bundle, Tokenizer } from "../../../mobile/web/core/index.js";

const ROOT = new URL("../../../mobile/", import.meta.url);

/** Bytes of a file of the shipped student. @param {string} name */
export function shippedBytes(name) {
  return new Uint8Array(readFileSync(new URL(`prebuilt/small/${name}`, ROOT)));
}

/** @param {string} name */
export function shippedText(name) {
  return new TextDecoder().decode(shippedBytes(name));
}

export const bundle = Bundle.parse(shippedText("bundle.json"));
export const tokenizer = Tokenizer.parse(shippedText("tokenizer.json"));

/** A vector file; refused where it was made from other files than the shipped ones. @param {string} name @returns {any} */
export function vectors(name) {
  const values = JSON.parse(readFileSync(new URL(`contract/vectors/${name}.json`, ROOT), "utf8"));
  if (values.format !== 1) {
    throw new Error(`vectors/${name}.json has the format ${values.format}, this test reads 1`);
  }
  for (const [file, sha256] of Object.entries(values.inputs)) {
    if (createHash("sha256").update(shippedBytes(file)).digest("hex") !== sha256) {
      throw new Error(`vectors/${name}.json is of another ${file}: run python -m mobile.contract`);
    }
  }
  return values;
}

/** Name of the error that a piece of work ends with; null where it ends well. @param {() => unknown} work */
export async function errorOf(work) {
  try {
    await work();
    return null;
  } catch (error) {
    return /** @type {Error} */ (error).name;
  }
}
