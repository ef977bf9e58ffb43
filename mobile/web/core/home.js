/** The names of one home: which lists the arguments of a call are looked up in. */

import { sorted } from "./canonical_json.js";
import { ActionError } from "./errors.js";
import { key } from "./names.js";

const EXAMPLE = '{"area": ["kitchen", {"name": "living room", "aliases": ["lounge"]}], "HassStartTimer.name": null}';

/** @typedef {import("./names.js").Entry} Entry */

/**
 * Lists of names by argument; `Function.argument` goes before `argument`, null means that any text will do.
 *
 * ActionError where a list is not made of names, or names an argument that no function has: a slip there would
 * switch a check off without a word.
 */
export class Home {
  /** @param {any} values parsed @param {readonly import("./tools.js").Tool[]} tools */
  constructor(values, tools) {
    if (values === null || typeof values !== "object" || Array.isArray(values)) {
      throw new ActionError(`The home is ${shown(values)}, not lists of names by argument, as in ${EXAMPLE}`);
    }
    checkArguments(Object.keys(values), tools);
    /** @type {Map<string, Entry[] | null>} */
    this._lists = new Map(Object.entries(values).map(([where, names]) => [where, entriesOf(names, where)]));
  }

  /** The list for an argument; null where any text will do. @param {string} name of the function @param {string} argument */
  names(name, argument) {
    const special = `${name}.${argument}`;
    return this._lists.get(this._lists.has(special) ? special : argument) ?? null;
  }
}

/** @param {string[]} listed @param {readonly import("./tools.js").Tool[]} tools */
function checkArguments(listed, tools) {
  const declared = tools.map(({ name, parameters }) => ({ name, own: Object.keys(parameters?.properties ?? {}) }));
  const plain = new Set(declared.flatMap(({ own }) => own));
  const special = new Set(declared.flatMap(({ name, own }) => own.map((argument) => `${name}.${argument}`)));
  const unknown = sorted(listed.filter((where) => !plain.has(where) && !special.has(where)));
  if (unknown.length) {
    throw new ActionError(
      `The home lists names for "${unknown[0]}", and no function of tools.json has that argument. Arguments are ` +
        `${sorted(plain).join(", ")}, also as Function.argument.`,
    );
  }
}

/** @param {any} names @param {string} where @returns {Entry[] | null} */
function entriesOf(names, where) {
  if (names === null) {
    return null;
  }
  if (!Array.isArray(names)) {
    throw new ActionError(`The home's "${where}" is ${shown(names)}, not a list of names, as in ${EXAMPLE}`);
  }
  return names.map((value) => entryOf(value, where));
}

/** @param {any} value @param {string} where @returns {Entry} */
function entryOf(value, where) {
  const { name, aliases = [], ...extra } = typeof value === "string" ? { name: value } : (value ?? {});
  const said = [name, ...(Array.isArray(aliases) ? aliases : [null])];
  const keys = said.map((text) => (typeof text === "string" ? key(text) : ""));
  if (Object.keys(extra).length || keys.includes("")) {
    throw new ActionError(
      `The home's "${where}" holds ${shown(value)}: a name with letters or digits, or {"name", "aliases"}, was expected.`,
    );
  }
  return { name, keys };
}

/** @param {unknown} value */
function shown(value) {
  return String(JSON.stringify(value)).slice(0, 80);
}
