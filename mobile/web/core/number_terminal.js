/**
 * Inside a JSON number, after its first characters.
 *
 * No exponents, no leading or trailing zeros ("20.0" aside), no "-0": every value has one spelling. Bounds are whole
 * numbers of units of 10^-9, as BigInt: sums stay exact.
 */

import { CLOSED } from "./json_terminals.js";

export const INTEGER_DIGITS = 15; // exact in a double, whatever parses the call
export const FRACTION_DIGITS = 9;
const SCALE = 10n ** BigInt(FRACTION_DIGITS);

/** Which numbers are allowed. Both bounds are; null: no bound. */
export class NumberRange {
  /**
   * @param {boolean} integer
   * @param {bigint | null} [low]
   * @param {bigint | null} [high]
   */
  constructor(integer, low = null, high = null) {
    this.integer = integer;
    this.low = low;
    this.high = high;
    this.key = `n${integer ? "i" : ""}${low},${high}:`;
    /** @type {Map<string, number>} fewest bytes after a text, once asked for */
    this.bytesLeft = new Map();
  }
}

export class Numeral {
  /** @param {NumberRange} range @param {string} [text] */
  constructor(range, text = "") {
    this.range = range;
    this.text = text;
    this.key = range.key + text;
  }

  /** @param {number} byte @returns {Numeral | null | typeof CLOSED} */
  step(byte) {
    const text = this.text + String.fromCharCode(byte);
    if (!/[-.0-9]/.test(text.slice(-1)) || !reachable(this.range, text)) {
      return null;
    }
    const open = this.range.low === null && this.range.high === null;
    return new Numeral(this.range, open ? shape(text) : text); // without bounds digits make no difference: fewer states
  }

  /** Whether the number may end here. */
  get complete() {
    return complete(this.range, this.text);
  }

  /** Fewest bytes until the number may end. */
  get left() {
    return bytesLeft(this.range, this.text);
  }
}

/** @param {string} text */
function shape(text) {
  const { whole, dot, fraction } = partsOf(text.replace(/[2-9]/g, "1"));
  const sign = text.startsWith("-") ? "-" : "";
  const last = fraction.slice(-1);
  return (
    sign +
    (whole === "0" ? whole : whole.replace(/0/g, "1")) +
    dot +
    (fraction && "1".repeat(fraction.length - 1) + last)
  );
}

/** @param {string} text */
function partsOf(text) {
  const [whole, fraction] = text.replace(/^-/, "").split(".");
  return { whole, dot: fraction === undefined ? "" : ".", fraction: fraction ?? "", negative: text.startsWith("-") };
}

/** @param {NumberRange} range @param {string} text */
function complete(range, text) {
  const { whole, dot, fraction, negative } = partsOf(text);
  if (!whole || (dot && !fraction) || (fraction.length > 1 && fraction.endsWith("0")) || text === "-0") {
    return false;
  }
  const value = negative ? -scaled(whole, fraction) : scaled(whole, fraction);
  return (range.low === null || range.low <= value) && (range.high === null || value <= range.high);
}

/** Whether some allowed number begins with `text`. @param {NumberRange} range @param {string} text */
function reachable(range, text) {
  const { whole, fraction, dot, negative } = partsOf(text);
  if (!/^-?(\d+(\.\d*)?)?$/.test(text) || whole.length > INTEGER_DIGITS || fraction.length > FRACTION_DIGITS) {
    return false;
  }
  if ((whole.length > 1 && whole.startsWith("0")) || (dot && range.integer)) {
    return false;
  }
  return spans(range.integer, text).some(([start, stop]) => overlaps(range, negative, start, stop));
}

/**
 * Closed ranges (without the sign, scaled) of the numbers that begin with these digits.
 * @param {boolean} integer
 * @param {string} text
 * @returns {[bigint, bigint][]}
 */
function spans(integer, text) {
  const { whole, dot, fraction } = partsOf(text);
  if (dot) {
    const start = scaled(whole, fraction);
    const stop = start + 10n ** BigInt(FRACTION_DIGITS - fraction.length) - 1n;
    // After "1.50" a further digit must come, and it is not 0 all the way.
    const first = fraction.length > 1 && fraction.endsWith("0") ? start + 1n : start;
    return first <= stop ? [[first, stop]] : [];
  }
  const rest = integer ? 0n : SCALE - 1n;
  if (whole === "0") {
    return [[0n, rest]];
  }
  if (!whole) {
    return [[integer ? SCALE : 0n, 10n ** BigInt(INTEGER_DIGITS) * SCALE - 1n]]; // after "-"; there is no -0
  }
  return Array.from({ length: INTEGER_DIGITS - whole.length + 1 }, (_, more) => {
    const power = 10n ** BigInt(more);
    return [BigInt(whole) * power * SCALE, ((BigInt(whole) + 1n) * power - 1n) * SCALE + rest];
  });
}

/** @param {NumberRange} range @param {boolean} negative @param {bigint} start @param {bigint} stop */
function overlaps({ integer, low, high }, negative, start, stop) {
  if (negative && integer && stop === 0n) {
    return false;
  }
  let [first, last] = negative ? [-stop, -start] : [start, stop];
  if (integer && low !== null) {
    first = larger(first, ceiling(low, SCALE) * SCALE); // the next whole number inside the bounds
  }
  return first <= last && (low === null || last >= low) && (high === null || first <= high);
}

/** @param {NumberRange} range @param {string} text @returns {number} */
function bytesLeft(range, text) {
  const known = range.bytesLeft.get(text);
  const left = known ?? (text === "" || text === "-" ? firstDigit(range, text) : furtherDigits(range, text));
  range.bytesLeft.set(text, left);
  return left;
}

/** @param {NumberRange} range @param {string} text */
function firstDigit(range, text) {
  const nexts = Array.from(text ? "0123456789" : "-0123456789", (letter) => text + letter);
  return 1 + Math.min(...nexts.filter((next) => reachable(range, next)).map((next) => bytesLeft(range, next)));
}

/** @param {NumberRange} range @param {string} text */
function furtherDigits(range, text) {
  if (complete(range, text)) {
    return 0;
  }
  const { dot, fraction, negative } = partsOf(text);
  const costs = spans(range.integer, text).map((span, more) => {
    const least = dot ? Math.max(1, fraction.length) : Number(text === "-0");
    const digits = fractionDigits(range, negative, span, least);
    return dot ? digits - fraction.length : more + (digits ? digits + 1 : 0);
  });
  return Math.min(...costs);
}

/**
 * Fewest digits after the point of an allowed number in a span; Infinity where there is no such number.
 * @param {NumberRange} range
 * @param {boolean} negative
 * @param {[bigint, bigint]} span
 * @param {number} least
 */
function fractionDigits({ integer, low, high }, negative, span, least) {
  const [start, stop] = negative ? [-span[1], -span[0]] : span;
  const first = low === null ? start : larger(start, low);
  const last = high === null || stop < high ? stop : high;
  for (let digits = least; digits <= (integer ? 0 : FRACTION_DIGITS); digits++) {
    const unit = 10n ** BigInt(FRACTION_DIGITS - digits);
    if (ceiling(first, unit) * unit <= last) {
      return digits;
    }
  }
  return Infinity;
}

/** @param {string} whole @param {string} fraction */
function scaled(whole, fraction) {
  return BigInt(whole) * SCALE + BigInt(fraction.padEnd(FRACTION_DIGITS, "0"));
}

/** a / b, rounded up; b > 0. @param {bigint} a @param {bigint} b */
export function ceiling(a, b) {
  return a / b + (a % b > 0n ? 1n : 0n);
}

/** @param {bigint} a @param {bigint} b */
function larger(a, b) {
  return a > b ? a : b;
}
