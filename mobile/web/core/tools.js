/** tools.json: the functions that a model may call, each with the JSON schema of its arguments. */

import { isNumber, parseJson, sorted } from "./canonical_json.js";
import { ModelError, SchemaError } from "./errors.js";
import { ANNOTATIONS } from "./schema_keywords.js";

/** @typedef {{name: string, description?: string, parameters?: any}} Tool */

/**
 * The functions of tools.json. ModelError where it is no JSON, SchemaError where it is something else.
 * @param {string} text
 * @returns {Tool[]}
 */
export function readTools(text) {
  let tools;
  try {
    tools = parseJson(text);
  } catch (error) {
    throw new ModelError(`tools.json cannot be read as JSON (${/** @type {Error} */ (error).message}). Copy it again.`);
  }
  const names = Array.isArray(tools) ? tools.map((tool) => tool?.name) : [];
  const differ = new Set(names).size === names.length;
  if (!names.length || !differ || !names.every((name) => typeof name === "string" && name)) {
    throw new SchemaError('tools.json is no list of functions {"name", "parameters"} with names that differ.');
  }
  return tools;
}

/**
 * The schema behind `$ref`, which must be local and may not lead back to itself.
 * @param {any} schema
 * @param {any} root where `#/…` starts
 * @param {string} where for messages
 * @returns {Record<string, any>}
 */
export function resolved(schema, root, where, depth = 0) {
  if (schema === true) {
    return {};
  }
  if (schema === null || typeof schema !== "object" || Array.isArray(schema) || isNumber(schema)) {
    throw new SchemaError(`tools.json, ${where}: the schema is ${JSON.stringify(schema)}, not an object.`);
  }
  if (!Object.hasOwn(schema, "$ref")) {
    return schema;
  }
  const beside = sorted(Object.keys(schema)).find((key) => key !== "$ref" && (key === "type" || !ANNOTATIONS.has(key)));
  if (beside !== undefined) {
    throw new SchemaError(
      `tools.json, ${where}: the keyword "${beside}" beside $ref is not kept. Move it into the schema that ` +
        `"${schema.$ref}" names.`,
    );
  }
  let target = root;
  for (const name of String(schema.$ref).replace(/^#\//, "").split("/")) {
    target = target && typeof target === "object" && Object.hasOwn(target, name) ? target[name] : undefined;
  }
  if (target === undefined || depth > 8) {
    throw new SchemaError(`tools.json, ${where}: $ref "${schema.$ref}" leads nowhere; only "#/$defs/…" is followed.`);
  }
  return resolved(target, root, where, depth + 1);
}
