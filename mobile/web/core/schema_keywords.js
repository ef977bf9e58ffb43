/** Which keywords of JSON schema constrained decoding keeps, type by type, and the values of enumerations. */

import { canonicalJson, isNumber, sorted } from "./canonical_json.js";
import { SchemaError } from "./errors.js";

// No promise about which values are legal: read by people only.
export const ANNOTATIONS = new Set([
  "title",
  "description",
  "default",
  "examples",
  "format",
  "deprecated",
  "$comment",
  "$defs",
  "definitions",
  "readOnly",
  "writeOnly",
  "additionalProperties",
  "type",
  "$schema",
]);
const BOUNDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
/** @type {Record<string, string[]>} */
export const KEYWORDS = {
  string: ["minLength", "maxLength"],
  integer: BOUNDS,
  number: BOUNDS,
  array: ["items", "minItems", "maxItems"],
  object: ["properties", "required"],
  boolean: [],
  null: [],
};

/** The values of an enumeration that its `type` and `enum` allow too. @param {any[]} values @param {any} schema @param {string} where */
export function legalValues(values, schema, where) {
  const kinds = typesOf(schema, Object.keys(KEYWORDS), where);
  const spell = (/** @type {any} */ value) => spelled(value, where);
  const listed = new Set((Object.hasOwn(schema, "enum") ? itemsOf(schema, "enum", where) : values).map(spell));
  const legal = values.filter((value) => kindsOf(value).some((kind) => kinds.includes(kind)));
  const both = legal.map(spell).filter((text) => listed.has(text));
  if (!both.length) {
    throw new SchemaError(
      `tools.json, ${where}: no value of ${canonicalJson(values)} has the type ${kinds.join(", ")}.`,
    );
  }
  return both;
}

/** The canonical text of a value. @param {any} value @param {string} where */
export function spelled(value, where) {
  const text = canonicalJson(value);
  if (!isSpellable(value)) {
    throw new SchemaError(
      `tools.json, ${where}: ${text.slice(0, 60)} holds a number that is not finite or half a surrogate pair, which ` +
        "JSON cannot spell.",
    );
  }
  return text;
}

/** @param {any} value @returns {boolean} */
function isSpellable(value) {
  if (isNumber(value)) {
    return /^-?\d+$/.test(String(value)) || Number.isFinite(Number(value)); // whole ones are kept digit by digit
  }
  if (typeof value === "string") {
    return !/\p{Surrogate}/u.test(value);
  }
  const inside = value !== null && typeof value === "object" ? Object.entries(value).flat() : [];
  return inside.every(isSpellable);
}

/** A list that holds something. @param {any} schema @param {string} keyword @param {string} where @returns {any[]} */
export function itemsOf(schema, keyword, where) {
  const value = schema[keyword];
  if (!Array.isArray(value) || !value.length) {
    throw new SchemaError(
      `tools.json, ${where}: ${keyword} is ${canonicalJson(value)}, not a list with one value or more.`,
    );
  }
  return value;
}

/** The types that `type` names, one or several. @param {any} schema @param {string[]} otherwise @param {string} where @returns {string[]} */
export function typesOf(schema, otherwise, where) {
  if (!Object.hasOwn(schema, "type")) {
    return otherwise;
  }
  const kinds = typeof schema.type === "string" ? [schema.type] : itemsOf(schema, "type", where);
  const unknown = kinds.find((kind) => typeof kind !== "string" || !Object.hasOwn(KEYWORDS, kind));
  if (unknown !== undefined) {
    throw new SchemaError(`tools.json, ${where}: the type ${canonicalJson(unknown)} is unknown to JSON schema.`);
  }
  return kinds;
}

/**
 * The values of two keywords that count characters or items; the second is Infinity where it is missing.
 * @param {any} schema
 * @param {string} least
 * @param {string} most
 * @param {string} where
 */
export function countsOf(schema, least, most, where) {
  const [from, to] = [least, most].map((keyword, at) => {
    const value = Object.hasOwn(schema, keyword) ? schema[keyword] : [0, Infinity][at];
    const isCount = Number.isInteger(Number(value)) && Number(value) >= 0 && Number(value) < 2 ** 31;
    if (Object.hasOwn(schema, keyword) && !(isNumber(value) && isCount)) {
      throw new SchemaError(
        `tools.json, ${where}: ${keyword} is ${canonicalJson(value)}, not a whole number of 0 or more.`,
      );
    }
    return Number(value);
  });
  if (to < from) {
    throw new SchemaError(`tools.json, ${where}: ${most} ${to} is below ${least} ${from}.`);
  }
  return { least: from, most: to };
}

/** The types of JSON schema that a value has. @param {any} value @returns {string[]} */
function kindsOf(value) {
  if (isNumber(value)) {
    return Number.isInteger(Number(value)) ? ["number", "integer"] : ["number"];
  }
  if (value === null || Array.isArray(value)) {
    return [value === null ? "null" : "array"];
  }
  return [typeof value]; // "boolean", "string" or "object"
}

/** @param {any} schema @param {string[]} known @param {string} where */
export function refuseUnknown(schema, known, where) {
  const unknown = sorted(Object.keys(schema).filter((key) => !known.includes(key) && !ANNOTATIONS.has(key)));
  if (unknown.length) {
    throw new SchemaError(
      `tools.json, ${where}: constrained decoding cannot guarantee the keyword "${unknown[0]}". Take it out of the ` +
        'schema, or answer with constrain "off".',
    );
  }
}
