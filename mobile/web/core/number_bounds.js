/** The bounds of a JSON schema as exact whole numbers, and the terminal that keeps to them. */

import { canonicalJson, isNumber } from "./canonical_json.js";
import { SchemaError } from "./errors.js";
import { FRACTION_DIGITS, Numeral, NumberRange, ceiling } from "./number_terminal.js";

/** A fraction of whole numbers; `below` > 0. @typedef {{above: bigint, below: bigint}} Fraction */

/**
 * The numbers that a schema allows. SchemaError where there is none.
 * @param {any} schema
 * @param {boolean} integer
 * @param {string} where
 */
export function numeral(schema, integer, where) {
  // In units of 10^-9; the smallest step between two numbers is one unit, or one whole number.
  const step = integer ? 10n ** BigInt(FRACTION_DIGITS) : 1n;
  const lows = bounds(schema, "minimum", "exclusiveMinimum", where).map(({ bound, open }) => {
    const low = ceiling(bound.above, bound.below * step) * step;
    return open && low * bound.below === bound.above ? low + step : low;
  });
  const highs = bounds(schema, "maximum", "exclusiveMaximum", where).map(({ bound, open }) => {
    const high = -ceiling(-bound.above, bound.below * step) * step;
    return open && high * bound.below === bound.above ? high - step : high;
  });
  const low = lows.reduce((a, b) => (a === null || b > a ? b : a), /** @type {bigint | null} */ (null));
  const high = highs.reduce((a, b) => (a === null || b < a ? b : a), /** @type {bigint | null} */ (null));
  const number = new Numeral(new NumberRange(integer, low, high));
  const isEmpty = low !== null && high !== null && low > high;
  if (isEmpty || Array.from("-0123456789").every((letter) => number.step(letter.charCodeAt(0)) === null)) {
    throw new SchemaError(`tools.json, ${where}: no number of at most 15 digits lies within its bounds.`);
  }
  return number;
}

/** @param {any} schema @param {string} closed @param {string} open @param {string} where */
function bounds(schema, closed, open, where) {
  const keywords = [closed, open].filter((keyword) => Object.hasOwn(schema, keyword));
  return keywords.map((keyword) => ({ bound: inUnits(schema[keyword], keyword, where), open: keyword === open }));
}

/** A number of tools.json in units of 10^-9, exactly as it is written. @param {unknown} number @param {string} keyword @param {string} where @returns {Fraction} */
function inUnits(number, keyword, where) {
  const written = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(String(number));
  if (!isNumber(number) || !Number.isFinite(Number(number)) || !written) {
    throw new SchemaError(`tools.json, ${where}: ${keyword} is ${canonicalJson(number)}, not a number.`);
  }
  const [, sign, whole, fraction = "", exponent = "0"] = written;
  const digits = BigInt(whole + fraction) * (sign ? -1n : 1n);
  const power = FRACTION_DIGITS + Number(exponent) - fraction.length;
  return power >= 0
    ? { above: digits * 10n ** BigInt(power), below: 1n }
    : { above: digits, below: 10n ** BigInt(-power) };
}
