import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { CallConstraint, argmax, readTools } from "../../../mobile/web/core/index.js";
import { bundle, errorOf, shippedText, vectors } from "./contract.js";

const contract = vectors("constraint");
const tools = readTools(shippedText("tools.json"));
const constraints = Object.fromEntries(["schema", "substrings"].map((mode) => [mode, constraintOf(tools, mode)]));

function constraintOf(tools, mode) {
  const { vocabSize, stopIds } = bundle;
  return new CallConstraint({
    tools,
    tokenizer: JSON.parse(shippedText("tokenizer.json")),
    vocabSize,
    stopIds,
    substrings: mode === "substrings",
  });
}

const allowedBy = (mask) => [...mask.keys()].filter((id) => mask[id]);

test("constraint: allowed ids of the contract", () => {
  assert.deepEqual([contract.vocab_size, contract.stop_ids], [bundle.vocabSize, bundle.stopIds]);
  for (const { mode, text, ids, complete, count, allowed, sha256 } of contract.cases) {
    const what = JSON.stringify([mode, text, ids]);
    const state = ids.reduce((at, id) => constraints[mode].after(at, id), constraints[mode].start(text));
    const found = allowedBy(constraints[mode].mask(state));
    assert.equal(state.final, complete, what);
    assert.equal(found.length, count, what);
    if (allowed) {
      assert.deepEqual(found, allowed, what);
    } else {
      const bytes = new Uint8Array(Int32Array.from(found).buffer); // little-endian, as all machines with a browser are
      assert.equal(createHash("sha256").update(bytes).digest("hex"), sha256, what);
    }
  }
});

test("constraint: where answers of the contract stop being calls", () => {
  for (const { mode, text, ids, at } of contract.refused) {
    let state = constraints[mode].start(text);
    const first = ids.findIndex((id) => (state = constraints[mode].after(state, id)) === null);
    assert.equal(first, at, JSON.stringify([mode, text, ids]));
  }
});

test("constraint: whole answers of the contract, with their budget", () => {
  for (const { mode, text, max_new_tokens: budget, seed, ids, stopped, refused, squeezed } of contract.walks) {
    const sampler = constraints[mode].sampler(argmax, text, budget);
    const got = [];
    while (got.length < budget) {
      const id = sampler.choose(madeUpLogits(got.length, seed));
      if (bundle.stopIds.includes(id)) {
        break;
      }
      got.push(id);
    }
    assert.deepEqual(
      [got, got.length < budget, sampler.refused, sampler.squeezed],
      [ids, stopped, refused, squeezed],
      JSON.stringify([mode, text, budget, seed]),
    );
  }
});

function madeUpLogits(step, seed) {
  const after = BigInt(step * 40503 + seed * 69069);
  return Float32Array.from(
    { length: bundle.vocabSize },
    (_, id) => (Number(BigInt.asUintN(32, BigInt(id) * 2654435761n + after)) >>> 8) / 2 ** 24,
  );
}

/** Whether a whole text is a call that answers `text`, byte by byte. */
function isCall(constraint, text, wanted) {
  const letters = [...constraint.tokens].filter(([, bytes]) => bytes.length === 1);
  const ids = Array.from(Buffer.from(wanted), (byte) => letters.find(([, bytes]) => bytes[0] === byte)[0]);
  return ids.reduce((at, id) => at && constraint.after(at, id), constraint.start(text))?.final === true;
}

test("constraint: schemas of the contract, taken or refused", async () => {
  for (const { tools: text, taken } of contract.schemas) {
    const error = await errorOf(() => constraintOf(readTools(text), "schema"));
    assert.ok(taken ? error === null : ["SchemaError", "ModelError"].includes(error), `${error}: ${text}`);
  }
});

test("constraint: an answer does not see the text of the one before", () => {
  const constraint = constraintOf(tools, "substrings");
  const call = '{"name":"HassBroadcast","arguments":{"message":"dinner is ready"}}';
  assert.ok(isCall(constraint, "say dinner is ready", call));
  assert.ok(!isCall(constraint, "say good night", call));
  assert.ok(isCall(constraint, "say good night", call.replace("dinner is ready", "good night")));
});

test("constraint: a string with a length of its own is not cut from the text", () => {
  const taken = (minLength) => {
    const parameters = { properties: { s: { type: "string", minLength } }, required: ["s"] };
    const call = '{"name":"f","arguments":{"s":"hello"}}';
    return isCall(constraintOf([{ name: "f", parameters }], "substrings"), "good night", call);
  };
  assert.deepEqual([taken(0), taken(1), taken(2)], [false, false, true]);
});

test("constraint: numbers have one spelling", () => {
  const parameters = { properties: { n: { type: "number" } }, required: ["n"] };
  const constraint = constraintOf([{ name: "f", parameters }], "schema");
  const taken = (number) => isCall(constraint, "", `{"name":"f","arguments":{"n":${number}}}`);
  for (const number of ["0", "-1", "20.0", "-0.5", "1.05", "123456789012345"]) {
    assert.ok(taken(number), number);
  }
  for (const number of ["-0", "-", "01", "1.", ".5", "1.50", "1e3", "+1", "1234567890123456", "0.1234567891"]) {
    assert.ok(!taken(number), number);
  }
});

test("constraint: schemas that cannot be guaranteed are refused by name", () => {
  const wrong = [
    [{ properties: { a: { type: "string", pattern: "x" } } }, /function f, argument "a".*"pattern"/],
    [{ properties: { a: { type: "integer", multipleOf: 2 } } }, /"multipleOf"/],
    [{ properties: { a: { type: "date" } } }, /"date"/],
    [{ properties: { a: { $ref: "#/$defs/none" } } }, /leads nowhere/],
    [{ properties: { a: { type: "integer", enum: ["x"] } } }, /no value/],
    [{ properties: { a: { type: "integer", minimum: 3, maximum: 2 } } }, /no number/],
    [{ properties: {}, required: ["b"] }, /"b" is required/],
    [{ properties: { a: { $ref: "#/$defs/n", maximum: 3 } }, $defs: { n: {} } }, /"maximum" beside \$ref/],
    [{ properties: { a: { type: "integer", anyOf: [{ minimum: 5 }] } } }, /type beside anyOf.*into the options/],
    [{ properties: { a: { type: "string", maxLength: "10" } } }, /maxLength is "10", not a whole number/],
    [{ properties: { a: { type: "array", minItems: 3, maxItems: 2 } } }, /maxItems 2/],
  ];
  const endless = { properties: { a: { $ref: "#/$defs/a" } } };
  wrong.push([{ ...endless, $defs: { a: endless } }, /lead back to themselves/]);
  for (const [parameters, named] of wrong) {
    assert.throws(() => constraintOf([{ name: "f", parameters }], "schema"), named);
  }
});

test("constraint: long lists and many properties", () => {
  const keys = Array.from({ length: 2000 }, (_, index) => `p${String(index).padStart(4, "0")}`);
  const properties = Object.fromEntries(keys.map((key) => [key, { type: "integer" }]));
  const list = { type: "array", items: { type: "integer" }, maxItems: 2000 };
  for (const parameters of [{ properties: { p0000: list } }, { properties }, { properties, required: keys }]) {
    const constraint = constraintOf([{ name: "f", parameters }], "schema");
    assert.ok(constraint.left(constraint.start("")) < 40);
    assert.ok(isCall(constraint, "", '{"name":null,"arguments":{}}'));
    const call = '{"name":"f","arguments":{"p0000":[1,2]}}';
    assert.equal(isCall(constraint, "", call), parameters.properties.p0000 === list);
  }
});

test("tools: no JSON, no list, a name twice", async () => {
  assert.equal(await errorOf(() => readTools("[{")), "ModelError");
  for (const text of ["[]", "{}", '[{"name":""}]', '[{"name":"a"},{"name":"a"}]', "[1]"]) {
    assert.equal(await errorOf(() => readTools(text)), "SchemaError", text);
  }
});
