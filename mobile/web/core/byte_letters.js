/**
 * How byte-level BPE writes bytes as letters: those of Latin-1 that are printable stand for themselves, the others
 * are numbered from U+0100 on (Radford et al. 2019, GPT-2).
 */

/** @param {number} byte */
function isPrintable(byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
}

/** The letter of each byte. @type {string[]} */
export const LETTERS = [];
/** The byte of each letter. @type {Map<string, number>} */
export const BYTES = new Map();

for (let byte = 0, others = 0; byte < 256; byte++) {
  LETTERS.push(String.fromCharCode(isPrintable(byte) ? byte : 0x100 + others++));
  BYTES.set(LETTERS[byte], byte);
}

/** The bytes that a token of the vocabulary spells; null where it is no byte-level token. @param {string} token */
export function spelledBytes(token) {
  const bytes = Uint8Array.from(token, (letter) => BYTES.get(letter) ?? 0);
  return [...token].every((letter) => BYTES.has(letter)) ? bytes : null;
}
