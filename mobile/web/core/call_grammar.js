/**
 * tools.json as a grammar of bytes: exactly the canonical JSON call, nothing else.
 *
 *     {"name":"HassTurnOn","arguments":{"area":"kitchen","domain":"light"}}
 *     {"name":null,"arguments":{}}
 *
 * No white space, the name first, arguments sorted by key, each at most once, required ones present, values legal by
 * their schema. Where the schema leaves more open than a call should use, the grammar takes a part of it that is
 * always legal: only declared keys, no exponents in numbers, scalars where a schema says nothing about the type.
 * What it cannot guarantee (`pattern`, `multipleOf`, …) it refuses by name.
 */

import { canonicalJson, isNumber, sorted } from "./canonical_json.js";
import { SchemaError } from "./errors.js";
import { Excerpt, Literal, Text, textBytes } from "./json_terminals.js";
import { numeral } from "./number_bounds.js";
import { KEYWORDS, countsOf, itemsOf, legalValues, refuseUnknown, spelled, typesOf } from "./schema_keywords.js";
import { resolved } from "./tools.js";

const SCALARS = ["string", "number", "boolean", "null"];

/** Parts one after the other. */
export class Series {
  /** @param {Frame[]} parts */
  constructor(parts) {
    this.parts = parts;
  }
}

/** One of the options; `loops`: the first of them ends it, and the others lead back here. */
export class Choice {
  /** @param {Frame[]} options @param {boolean} [loops] */
  constructor(options, loops = false) {
    this.options = options;
    this.loops = loops;
  }
}

/**
 * A part of a grammar.
 * @typedef {Literal | Text | Excerpt | import("./number_terminal.js").Numeral | Series | Choice} Frame
 */

export class CallGrammar {
  /**
   * The grammar of all calls that `tools` allow. SchemaError with function, argument and keyword where a schema
   * cannot be guaranteed.
   * @param {readonly import("./tools.js").Tool[]} tools
   * @param {boolean} [substrings] strings without an enumeration or a length limit are cut from the utterance
   */
  constructor(tools, substrings = false) {
    this.substrings = substrings;
    /** @type {Frame[]} */
    const options = [fixed('{"name":null,"arguments":{}}')];
    for (const { name, parameters } of tools) {
      const where = `function ${name}`;
      try {
        const call = this._object(parameters ?? {}, parameters ?? {}, where);
        options.push(new Series([fixed(`{"name":${spelled(name, where)},"arguments":`), call, fixed("}")]));
      } catch (error) {
        if (!(error instanceof RangeError)) {
          throw error;
        }
        throw new SchemaError(`tools.json, ${where}: its parameters lead back to themselves or are too deep.`);
      }
    }
    this.root = new Choice(options);
  }

  /** @param {any} unresolved @param {any} root @param {string} where @returns {Frame} */
  _value(unresolved, root, where) {
    const schema = resolved(unresolved, root, where);
    for (const keyword of ["const", "enum"]) {
      if (Object.hasOwn(schema, keyword)) {
        refuseUnknown(schema, ["const", "enum"], where);
        const values = keyword === "const" ? [schema.const] : itemsOf(schema, "enum", where);
        return new Choice(legalValues(values, schema, where).map(fixed));
      }
    }
    if (Object.hasOwn(schema, "anyOf")) {
      refuseUnknown(schema, ["anyOf"], where);
      if (Object.hasOwn(schema, "type")) {
        throw new SchemaError(`tools.json, ${where}: a type beside anyOf is not kept. Move it into the options.`);
      }
      return new Choice(itemsOf(schema, "anyOf", where).map((option) => this._value(option, root, where)));
    }
    const kinds = typesOf(schema, Object.hasOwn(schema, "properties") ? ["object"] : SCALARS, where);
    refuseUnknown(
      schema,
      kinds.flatMap((kind) => KEYWORDS[kind]),
      where,
    );
    return new Choice(kinds.map((kind) => this._typed(kind, schema, root, where)));
  }

  /** @param {string} kind @param {any} schema @param {any} root @param {string} where @returns {Frame} */
  _typed(kind, schema, root, where) {
    switch (kind) {
      case "string": {
        const { least, most } = countsOf(schema, "minLength", "maxLength", where);
        const free = least <= 1 && most === Infinity; // an excerpt has one character or more
        const inside = this.substrings && free ? new Excerpt() : new Text(0, least, most);
        return new Series([fixed('"'), inside]);
      }
      case "integer":
      case "number":
        return numeral(schema, kind === "integer", where);
      case "array":
        return this._array(schema, root, where);
      case "object":
        return this._object(schema, root, where);
      default:
        return kind === "boolean" ? new Choice([fixed("true"), fixed("false")]) : fixed("null");
    }
  }

  /** @param {any} unresolved @param {any} root @param {string} where @returns {Frame} */
  _object(unresolved, root, where) {
    const schema = resolved(unresolved, root, where);
    refuseUnknown(schema, KEYWORDS.object, where);
    const { properties = {}, required = [] } = schema;
    if (properties === null || typeof properties !== "object" || Array.isArray(properties) || isNumber(properties)) {
      throw new SchemaError(`tools.json, ${where}: properties is ${canonicalJson(properties)}, not an object.`);
    }
    if (!Array.isArray(required) || !required.every((key) => typeof key === "string")) {
      throw new SchemaError(`tools.json, ${where}: required is ${canonicalJson(required)}, not a list of names.`);
    }
    const missing = sorted(required).filter((key) => !Object.hasOwn(properties, key));
    if (missing.length) {
      throw new SchemaError(`tools.json, ${where}: "${missing[0]}" is required but not in properties.`);
    }
    // What may follow once the keys from here on are still to come: after a comma is due, and before.
    let rest = { comma: /** @type {Frame} */ (fixed("}")), first: /** @type {Frame} */ (fixed("}")) };
    for (const key of sorted(Object.keys(properties)).reverse()) {
      const value = this._value(properties[key], root, `${where}, argument "${key}"`);
      const following = rest;
      const node = (/** @type {string} */ comma, /** @type {Frame} */ without) => {
        const withKey = new Series([fixed(`${comma}${spelled(key, where)}:`), value, following.comma]);
        return required.includes(key) ? withKey : new Choice([withKey, without]);
      };
      rest = { comma: node(",", following.comma), first: node("", following.first) };
    }
    return new Series([fixed("{"), rest.first]);
  }

  /** @param {any} schema @param {any} root @param {string} where @returns {Frame} */
  _array(schema, root, where) {
    const item = this._value(Object.hasOwn(schema, "items") ? schema.items : {}, root, where);
    const { least, most } = countsOf(schema, "minItems", "maxItems", where);
    const end = fixed("]");
    const loop = new Choice([end], true);
    loop.options.push(new Series([fixed(","), item, loop]));
    /** @type {Frame} */
    let rest = most === Infinity ? loop : end;
    for (let count = (most === Infinity ? Math.max(least, 1) : most) - 1; count >= 0; count--) {
      /** @type {Series} */
      const another = new Series([...(count > 0 ? [fixed(",")] : []), item, rest]);
      rest = count < least ? another : new Choice([end, another]);
    }
    return new Series([fixed("["), rest]);
  }
}

/** @param {string} text */
function fixed(text) {
  return new Literal(textBytes(text));
}
