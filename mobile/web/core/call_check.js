/**
 * Whether an answer is a call of a known function, and its arguments are what the schema says.
 *
 * The grammar of constrained decoding (call_grammar.js) promises the same for its own answers; this is the check for
 * any text, whoever wrote it. The order of the checks is fixed in mobile/contract/README.md: other languages report
 * the same.
 */

import { sorted } from "./canonical_json.js";
import { lengthOf } from "./names.js";
import { resolved } from "./tools.js";

const LONGEST = 10_000; // code points of an answer
const DEEPEST = 64; // objects and lists in one another, the call itself included: what follows is recursive

/** A function's name, null where none applies, and its arguments. @typedef {{name: string | null, arguments: Record<string, any>}} Call */
/** Why a call is refused, and the argument (or the path inside of one) that is the cause. @typedef {{code: string, argument: string}} Fault */

/** The call that a text spells; null where it spells none. @param {string} text @returns {Call | null} */
export function readCall(text) {
  const value = lengthOf(text) <= LONGEST ? parsed(text) : null;
  if (!isObject(value) || sorted(Object.keys(value)).join() !== "arguments,name" || !isObject(value.arguments)) {
    return null;
  }
  const isNamed = value.name === null ? Object.keys(value.arguments).length === 0 : typeof value.name === "string";
  return isNamed && !isDeeper(value, DEEPEST) ? { name: value.name, arguments: value.arguments } : null;
}

/**
 * The first fault of an object's values by its schema; null where there is none.
 * @param {Record<string, any>} value
 * @param {any} unresolved
 * @param {any} root what `$ref` starts from
 * @param {string} [before] path of the object, with a dot after it
 * @returns {Fault | null}
 */
export function objectFault(value, unresolved, root, before = "") {
  const { properties = {}, required = [] } = resolved(unresolved, root, before);
  const names = sorted(Object.keys(value));
  const unknown = names.find((name) => !Object.hasOwn(properties, name));
  if (unknown !== undefined) {
    return { code: "unknown_argument", argument: before + unknown };
  }
  const missing = required.find((/** @type {string} */ name) => !Object.hasOwn(value, name));
  if (missing !== undefined) {
    return { code: "missing_argument", argument: before + missing };
  }
  return firstFault(names, (name) => valueFault(value[name], properties[name], root, before + name));
}

/** @param {any} value @param {any} unresolved @param {any} root @param {string} where @returns {Fault | null} */
function valueFault(value, unresolved, root, where) {
  const schema = resolved(unresolved, root, where);
  const kinds = [schema.type ?? (Object.hasOwn(schema, "properties") ? "object" : [])].flat();
  const isEndless = typeof value === "number" && !Number.isFinite(value);
  if (isEndless || (kinds.length && !kinds.some((kind) => isOf(value, kind)))) {
    return { code: "wrong_type", argument: where };
  }
  if (!isOffered(value, schema, root, where)) {
    return { code: "not_allowed", argument: where };
  }
  if (!isWithin(value, schema)) {
    return { code: "out_of_range", argument: where };
  }
  if (Array.isArray(value)) {
    return firstFault(value, (item, at) => valueFault(item, schema.items ?? true, root, `${where}.${at}`));
  }
  const inside = isObject(value) && Object.hasOwn(schema, "properties");
  return inside ? objectFault(value, schema, root, `${where}.`) : null;
}

/** Whether `const`, `enum` and `anyOf` hold the value. @param {any} value @param {any} schema @param {any} root @param {string} where */
function isOffered(value, schema, root, where) {
  const lists = [...(Object.hasOwn(schema, "const") ? [[schema.const]] : []), ...(schema.enum ? [schema.enum] : [])];
  const fits = (/** @type {any} */ option) => valueFault(value, option, root, where) === null;
  return (
    lists.every((list) => list.some((/** @type {any} */ option) => areEqual(value, option))) &&
    (!schema.anyOf || schema.anyOf.some(fits))
  );
}

/** @param {any} value @param {any} schema */
function isWithin(value, schema) {
  if (typeof value === "number") {
    return (
      value >= Number(schema.minimum ?? -Infinity) &&
      value <= Number(schema.maximum ?? Infinity) &&
      value > Number(schema.exclusiveMinimum ?? -Infinity) &&
      value < Number(schema.exclusiveMaximum ?? Infinity)
    );
  }
  if (typeof value === "string") {
    return isCountWithin(lengthOf(value), schema.minLength, schema.maxLength);
  }
  return !Array.isArray(value) || isCountWithin(value.length, schema.minItems, schema.maxItems);
}

/** @param {number} count @param {unknown} [least] @param {unknown} [most] */
function isCountWithin(count, least, most) {
  return Number(least ?? 0) <= count && count <= Number(most ?? Infinity);
}

/** @param {any} value @param {string} kind */
function isOf(value, kind) {
  if (typeof value === "number") {
    return kind === "number" || (kind === "integer" && Number.isSafeInteger(value));
  }
  if (value === null || Array.isArray(value)) {
    return kind === (value === null ? "null" : "array");
  }
  return kind === typeof value;
}

/**
 * Equality of JSON values: 1 is 1.0, and neither is true.
 * @param {any} value of a call
 * @param {any} option of tools.json, whose numbers may be written ones (canonical_json.js)
 * @returns {boolean}
 */
export function areEqual(value, option) {
  if (typeof value === "number" || value === null || typeof value !== "object") {
    return (
      value === (typeof value === "number" && typeof option === "object" && option !== null ? option.valueOf() : option)
    );
  }
  if (!option || typeof option !== "object" || Array.isArray(value) !== Array.isArray(option)) {
    return false;
  }
  const keys = Object.keys(value);
  return (
    keys.length === Object.keys(option).length &&
    keys.every((key) => Object.hasOwn(option, key) && areEqual(value[key], option[key]))
  );
}

/** @template T @param {T[]} items @param {(item: T, at: number) => Fault | null} check @returns {Fault | null} */
function firstFault(items, check) {
  for (const [at, item] of items.entries()) {
    const fault = check(item, at);
    if (fault) {
      return fault;
    }
  }
  return null;
}

/** @param {any} value @param {number} levels @returns {boolean} */
function isDeeper(value, levels) {
  const inside = value !== null && typeof value === "object";
  return inside && (levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1)));
}

/** @param {string} text @returns {any} undefined where it is no JSON */
function parsed(text) {
  try {
    const value = JSON.parse(text);
    return text.includes("-0") ? JSON.parse(text, (_, item) => (item === 0 ? 0 : item)) : value; // -0 is 0
  } catch {
    return undefined;
  }
}

/** @param {any} value */
function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
