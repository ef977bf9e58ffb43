/**
 * The parts of a JSON text that bytes can be told apart by: fixed bytes, the inside of a string, an excerpt.
 * (Numbers: number_terminal.js.)
 *
 * Each is an immutable state with `step(byte)`: the next state, CLOSED where the byte ended it, or null where the
 * byte is not allowed. Only the one spelling that the training rows use is allowed, so the same value is never
 * spelled in two ways. `key` is equal for equal states: the automaton knows them by it.
 */

/** @typedef {import("./utterance.js").Utterance} Utterance */

export const CLOSED = "closed";
const QUOTE = 0x22;

/** Bytes or tokens to an end that cannot be reached. */
export const NO_END = 2 ** 30;

/** @param {number} first @param {number} last @param {number} phase @returns {[number, number, number]} */
const span = (first, last, phase) => [first, last, phase];

// Phase of a string -> spans of bytes and the next phase. 0: between characters; 1 to 3: so many UTF-8 continuation
// bytes to come; 4 to 7: after E0, ED, F0, F4, whose next byte is limited (Unicode standard, table 3-7: no overlong
// forms, no surrogates, nothing above U+10FFFF); 8: after a backslash; 9 to 13: in \u00XX, which only controls
// without a short escape need. Of two spans with a byte the later counts.
const SPANS = [
  [
    span(0x20, 0x7f, 0),
    span(QUOTE, QUOTE, -1),
    span(0x5c, 0x5c, 8),
    span(0xc2, 0xdf, 1),
    span(0xe1, 0xef, 2),
    span(0xf1, 0xf3, 3),
    span(0xe0, 0xe0, 4),
    span(0xed, 0xed, 5),
    span(0xf0, 0xf0, 6),
    span(0xf4, 0xf4, 7),
  ],
  [span(0x80, 0xbf, 0)],
  [span(0x80, 0xbf, 1)],
  [span(0x80, 0xbf, 2)],
  [span(0xa0, 0xbf, 1)],
  [span(0x80, 0x9f, 1)],
  [span(0x90, 0xbf, 2)],
  [span(0x80, 0x8f, 2)],
  [...Array.from('"\\bfnrt', (letter) => span(letter.charCodeAt(0), letter.charCodeAt(0), 0)), span(0x75, 0x75, 9)],
  [span(0x30, 0x30, 10)],
  [span(0x30, 0x30, 11)],
  [span(0x30, 0x30, 12), span(0x31, 0x31, 13)],
  Array.from("01234567bef", (letter) => span(letter.charCodeAt(0), letter.charCodeAt(0), 0)),
  Array.from("0123456789abcdef", (letter) => span(letter.charCodeAt(0), letter.charCodeAt(0), 0)),
];
const PHASES = SPANS.map((spans) => {
  const next = new Int8Array(256).fill(-1);
  spans.forEach(([first, last, phase]) => next.fill(phase, first, last + 1));
  return next;
});
const BYTES_TO_BASE = [0, 1, 2, 3, 2, 2, 3, 3, 1, 4, 3, 2, 1, 1]; // fewest bytes from a phase to phase 0

/** The UTF-8 bytes of a text, one character of the string a byte. @param {string} text */
export function textBytes(text) {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

/** Fixed bytes, one character of the string a byte. */
export class Literal {
  /** @param {string} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.key = `b${bytes}`;
  }

  /** @param {number} byte */
  step(byte) {
    if (this.bytes.charCodeAt(0) !== byte) {
      return null;
    }
    return this.bytes.length > 1 ? new Literal(this.bytes.slice(1)) : CLOSED;
  }
}

/** Inside a string, after its opening quote. */
export class Text {
  /**
   * @param {number} [phase]
   * @param {number} [least] characters still needed
   * @param {number} [most] characters still allowed
   */
  constructor(phase = 0, least = 0, most = Infinity) {
    this.phase = phase;
    this.least = least;
    this.most = most;
    this.key = `t${phase},${least},${most}`;
    /** Fewest bytes to the end, closing quote included. */
    this.left = BYTES_TO_BASE[phase] + least + 1;
  }

  /** Whether neither a least nor a most number of characters counts. */
  get free() {
    return this.most === Infinity && this.least === 0;
  }

  /** @param {number} byte */
  step(byte) {
    if (this.phase === 0 && byte === QUOTE) {
      return this.least ? null : CLOSED;
    }
    const phase = PHASES[this.phase][byte];
    if (phase < 0 || (this.phase === 0 && this.most === 0)) {
      return null;
    }
    return this.phase === 0
      ? new Text(phase, Math.max(0, this.least - 1), this.most - 1)
      : new Text(phase, this.least, this.most);
  }
}

/** Inside a string whose value is cut from the utterance: where in the utterance the next byte may be. */
export class Excerpt {
  /** @param {number[] | null} [positions] null: nothing read yet */
  constructor(positions = null) {
    this.positions = positions;
    this.key = `x${positions}`;
  }

  /** @param {number} byte @param {Utterance} utterance */
  step(byte, utterance) {
    if (byte === QUOTE && this.positions?.some((at) => utterance.ends.has(at))) {
      return CLOSED; // a quote of the utterance itself is escaped, so it begins with a backslash
    }
    const positions = this._here(utterance).filter((at) => utterance.data[at] === byte);
    return positions.length ? new Excerpt(positions.map((at) => at + 1)) : null;
  }

  /** Bytes that `step` might take. @param {Utterance} utterance */
  options(utterance) {
    const ahead = this._here(utterance).filter((at) => at < utterance.data.length);
    return [QUOTE, ...ahead.map((at) => utterance.data[at])];
  }

  /** Fewest bytes to the end, closing quote included. @param {Utterance} utterance */
  bytesLeft(utterance) {
    if (this.positions === null) {
      return utterance.shortest;
    }
    return 1 + this.positions.reduce((least, at) => Math.min(least, utterance.untilEnd[at]), NO_END);
  }

  /** @param {Utterance} utterance */
  _here(utterance) {
    return this.positions ?? utterance.starts;
  }
}
