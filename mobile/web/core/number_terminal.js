/**
 * Inside a JSON number, after its first characters.
 *
 * No exponents, no leading or trailing zeros ("20.0" aside), no "-0": every value has one spelling. Bounds are whole
 * numbers of units of 10^-9, as BigInt: sums stay exact.
 */

import { CLOSED } from "./json_terminals.js";

// Of at most 15 digits no two numbers are the same double, whatever parses the call; 9 of them after the point at most.
const DIGITS = 15;
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
  if (!/^-?(\d+(\.\d*)?)?$/.test(text) || whole.length > DIGITS || (text === "-0" && range.integer)) {
    return false;
  }
  const places = placesOf(range.integer, whole.length);
  if ((whole.length > 1 && whole.startsWith("0")) || fraction.length > places || (dot && !places)) {
    return false;
  }
  return spans(range.integer, text).some((span) => fractionDigits(range, negative, span, span.places) < Infinity);
}

/** Most digits after the point of a number with so many before it; a 0 there counts, too. @param {boolean} integer @param {number} length */
function placesOf(integer, length) {
  return integer ? 0 : Math.min(FRACTION_DIGITS, DIGITS - length);
}

/** Closed range (without the sign, scaled) of numbers with at most so many digits after the point. @typedef {{start: bigint, stop: bigint, places: number}} Span */

/**
 * The numbers that begin with these digits, by the length of their whole part.
 * @param {boolean} integer
 * @param {string} text
 * @returns {Span[]}
 */
function spans(integer, text) {
  const { whole, dot, fraction } = partsOf(text);
  if (dot) {
    const places = placesOf(integer, whole.length);
    const start = scaled(whole, fraction);
    const stop = start + unitOf(fraction.length) - unitOf(places);
    // After "1.50" a further digit must come, and it is not 0 all the way.
    return [{ start: fraction.length > 1 && fraction.endsWith("0") ? start + unitOf(places) : start, stop, places }];
  }
  const least = Math.max(1, whole.length);
  return Array.from({ length: whole === "0" ? 1 : DIGITS - least + 1 }, (_, more) => {
    const power = 10n ** BigInt(least + more - whole.length);
    const places = placesOf(integer, least + more);
    let first = whole ? BigInt(whole) * power : power / 10n;
    if (!whole && more === 0) {
      first = integer ? 1n : 0n; // after "-"; there is no -0
    }
    const end = whole ? (BigInt(whole) + 1n) * power : power;
    return { start: first * SCALE, stop: end * SCALE - unitOf(places), places };
  });
}

/** The step between numbers of so many digits after the point. @param {number} places */
function unitOf(places) {
  return 10n ** BigInt(FRACTION_DIGITS - places);
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
 * @param {Span} span
 * @param {number} least
 */
function fractionDigits({ low, high }, negative, span, least) {
  const [start, stop] = negative ? [-span.stop, -span.start] : [span.start, span.stop];
  const first = low === null || start > low ? start : low;
  const last = high === null || stop < high ? stop : high;
  for (let digits = least; digits <= span.places; digits++) {
    if (ceiling(first, unitOf(digits)) * unitOf(digits) <= last) {
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
