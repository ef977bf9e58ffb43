/** What the user said, as the source of excerpts. */

import { NO_END, textBytes } from "./json_terminals.js";

// Python's str.isspace and str.isalnum, category Lo left out: scripts that are written without spaces.
const SPACE = /[\p{Zs}\t-\r\x1c-\x1f\x85\u2028\u2029]/u;
const WORD = /[\p{L}\p{N}]/u;
const UNSPACED = /\p{Lo}/u;

/**
 * The user's text as the bytes of a JSON string, with the offsets where an excerpt may begin and end.
 *
 * Excerpts begin and end at word borders and not with white space. Between two letters or digits there is no
 * border, except in scripts written without spaces. What follows the last end is left out.
 */
export class Utterance {
  /** @param {string} text */
  constructor(text) {
    const letters = Array.from(text);
    const pieces = letters.map((letter) => textBytes(JSON.stringify(letter).slice(1, -1)));
    const spaces = letters.map((letter) => SPACE.test(letter));
    const words = letters.map((letter) => WORD.test(letter) && !UNSPACED.test(letter));
    const offsets = [0];
    pieces.forEach((piece, index) => offsets.push(offsets[index] + piece.length));
    /** Where an excerpt may begin. @type {number[]} */
    this.starts = [];
    /** Where it may end. @type {Set<number>} */
    this.ends = new Set();
    letters.forEach((_, i) => {
      if (!spaces[i] && !(words[i] && words[i - 1])) {
        this.starts.push(offsets[i]);
      }
      if (!spaces[i] && !(words[i] && words[i + 1])) {
        this.ends.add(offsets[i + 1]);
      }
    });
    const length = offsets.filter((at) => this.ends.has(at)).pop() ?? 0;
    /** The bytes. */
    this.data = Uint8Array.from(pieces.join("").slice(0, length), (byte) => byte.charCodeAt(0));
    /** Bytes from each offset to the next place where an excerpt may end. */
    this.untilEnd = distances(length, this.ends);
    /** Bytes of the shortest excerpt, which is never empty, and its closing quote. */
    this.shortest = 2 + this.starts.reduce((least, at) => Math.min(least, this.untilEnd[at + 1]), NO_END);
  }
}

/** @param {number} length @param {Set<number>} ends */
function distances(length, ends) {
  const counts = new Array(length + 1).fill(0);
  for (let at = length - 1; at >= 0; at--) {
    counts[at] = ends.has(at) ? 0 : counts[at + 1] + 1;
  }
  return counts;
}
