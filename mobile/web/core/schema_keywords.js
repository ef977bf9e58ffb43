/** Which keywords of JSON schema constrained decoding keeps, type by type, and the values of enumerations. */

import { canonicalJson, isNumber, sorted } from "./canonical_json.js";
import { SchemaError } from "./errors.js";

// No promise about which values are legal: read by people only.
const ANNOTATIONS = new Set([
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
  const kinds = [schema.type ?? Object.keys(KEYWORDS)].flat();
  const listed = new Set((schema.enum ?? values).map(canonicalJson));
  const legal = values.filter((value) => kindsOf(value).some((kind) => kinds.includes(kind)));
  const both = legal.filter((value) => listed.has(canonicalJson(value)));
  if (!both.length) {
    throw new SchemaError(
      `tools.json, ${where}: no value of ${canonicalJson(values)} has the type ${kinds.join(", ")}.`,
    );
  }
  return both;
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
