/**
 * JSON in the one spelling that the training rows use: Python's json.dumps without spaces and ASCII escapes, keys
 * sorted by code point.
 *
 * JavaScript forgets whether a number was written 20 or 20.0, and Python does not: an enumeration of [20.0] is
 * answered with 20.0. So numbers that the two languages would write in different ways are kept as they stand.
 */

/** A number of a JSON text that JavaScript alone would write in another way than Python. */
class WrittenNumber {
  /** @param {string} source */
  constructor(source) {
    this._source = source;
  }

  valueOf() {
    return Number(this._source);
  }

  /** As Python writes it. */
  toString() {
    return /[.eE]/.test(this._source) ? pythonFloat(Number(this._source)) : this._source.replace(/^-0$/, "0");
  }
}

const KEPT = "\u0000number"; // no key of a JSON text that people write
const NUMBERS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** JSON.parse, with numbers that remember how they are to be written. Throws SyntaxError. @param {string} text @returns {any} */
export function parseJson(text) {
  JSON.parse(text); // what follows relies on a text without faults
  const marked = text.replace(NUMBERS, (part) =>
    part[0] === '"' || isWrittenAlike(part) ? part : JSON.stringify({ [KEPT]: part }),
  );
  return JSON.parse(marked, (_, value) =>
    value && typeof value[KEPT] === "string" ? new WrittenNumber(value[KEPT]) : value,
  );
}

/** Whether JavaScript writes a number as Python does. @param {string} source */
function isWrittenAlike(source) {
  return String(Number(source)) === new WrittenNumber(source).toString();
}

/** Whether a parsed value is a number of either kind. @param {unknown} value */
export function isNumber(value) {
  return typeof value === "number" || value instanceof WrittenNumber;
}

/** The canonical text of a parsed value. @param {any} value @returns {string} */
export function canonicalJson(value) {
  if (Array.isArray(value)) {
    return `[${value.map(canonicalJson).join()}]`;
  }
  if (value === null || typeof value !== "object") {
    return JSON.stringify(value);
  }
  if (isNumber(value)) {
    return String(value);
  }
  const entries = sorted(Object.keys(value)).map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
  return `{${entries.join()}}`;
}

/** Strings by code point, as Python sorts them; JavaScript alone goes by UTF-16 unit. @param {Iterable<string>} texts */
export function sorted(texts) {
  return [...texts].sort(compareCodePoints);
}

/** @param {string} a @param {string} b */
export function compareCodePoints(a, b) {
  const [left, right] = [Array.from(a), Array.from(b)];
  const at = left.findIndex((letter, index) => letter !== right[index]);
  if (at < 0 || at >= right.length) {
    return left.length - right.length;
  }
  return Number(left[at].codePointAt(0)) - Number(right[at].codePointAt(0));
}

/** Shortest digits that give the number back, with Python's choice of exponents. @param {number} value */
function pythonFloat(value) {
  const [mantissa, exponent] = value.toExponential().split("e");
  if (Number(exponent) < -4 || Number(exponent) >= 16) {
    const digits = String(Math.abs(Number(exponent))).padStart(2, "0");
    return `${mantissa}e${Number(exponent) < 0 ? "-" : "+"}${digits}`;
  }
  const text = Object.is(value, -0) ? "-0" : plain(mantissa, Number(exponent));
  return text.includes(".") ? text : `${text}.0`;
}

/** A mantissa of one digit before the point, with an exponent of -4 to 15, written out. @param {string} mantissa @param {number} exponent */
function plain(mantissa, exponent) {
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  if (exponent < 0) {
    return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  }
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = digits.slice(exponent + 1);
  return sign + whole + (fraction && `.${fraction}`);
}
