import assert from "node:assert/strict";
import { test } from "node:test";

import { Actions, readTools } from "../../../mobile/web/core/index.js";
import { key, percent } from "../../../mobile/web/core/names.js";
import { errorOf, shippedText, vectors } from "./contract.js";

const { homes, toolsets, similarity, cases, answers } = vectors("actions");
const tools = readTools(shippedText("tools.json"));
const ON = '{"name":"HassTurnOn","arguments":{"area":"kitchn"}}';

test("actions: results of the contract", () => {
  for (const { home, text, tools: set, result } of cases) {
    const list = set ? readTools(JSON.stringify(toolsets[set])) : tools;
    assert.deepEqual(new Actions(list, homes[home]).consider(text), result, `${home}: ${text.slice(0, 200)}`);
  }
});

test("actions: answers of the contract, whole and cut off", () => {
  for (const { home, text, stopped, result } of answers) {
    const found = new Actions(tools, homes[home]).consider({ text, stopped });
    assert.deepEqual(found, result, `${stopped}: ${text}`);
  }
});

test("actions: similarity of the contract", () => {
  for (const { a, b, keys, percent: expected } of similarity) {
    assert.deepEqual([key(a), key(b)], keys, JSON.stringify([a, b]));
    assert.equal(percent(keys[0], keys[1]), expected, JSON.stringify([a, b]));
    assert.equal(percent(keys[1], keys[0]), expected, "either way round");
  }
});

test("actions: lists in lists without end are no call", () => {
  const actions = new Actions([{ name: "f", parameters: { properties: { a: {} } } }]);
  const nested = (depth) => `{"name":"f","arguments":{"a":${"[".repeat(depth)}${"]".repeat(depth)}}}`;
  assert.equal(actions.consider(nested(60)).status, "ready");
  for (const depth of [63, 1000, 4900]) {
    assert.equal(actions.consider(nested(depth)).code, "not_a_call", String(depth));
  }
});

test("actions: dry unless told otherwise", async () => {
  const calls = [];
  const actions = new Actions(tools, { area: ["kitchen", "bedroom"] });
  assert.match((await actions.perform(ON)).message, /nothing is registered for HassTurnOn/);
  actions.on("HassTurnOn", async (values) => calls.push(values));
  const dry = await actions.perform(ON);
  assert.deepEqual([dry.done, dry.message, calls], [false, 'would call HassTurnOn({"area":"kitchen"})', []]);
  const real = await actions.perform(ON, { dryRun: false });
  assert.deepEqual([real.done, real.value, calls], [true, 1, [{ area: "kitchen" }]]);
});

test("actions: only what is ready is carried out", async () => {
  const actions = new Actions(tools, { area: ["guest room 1", "guest room 2"] });
  actions.on("HassTurnOn", () => assert.fail("must not be called"));
  const call = (values) => JSON.stringify({ name: "HassTurnOn", arguments: values });
  for (const text of [
    "turn it on",
    call({ area: "guest room" }),
    call({ area: "moon base" }),
    call({ volume: 1 }),
    '{"name":null,"arguments":{}}',
  ]) {
    const { done, message } = await actions.perform(text, { dryRun: false });
    assert.ok(!done && message, text);
  }
});

test("actions: an answer to a question", async () => {
  const actions = new Actions(tools, { area: ["guest room 1", "guest room 2"] });
  const text = '{"name":"HassTurnOn","arguments":{"area":"guest room"}}';
  assert.match((await actions.perform(text)).message, /did you mean guest room 1 or guest room 2/);
  assert.equal(actions.consider(text, { area: "guest room 2" }).status, "ready");
  assert.equal(actions.consider(text, { galaxy: "x" }).code, "unknown_argument");
});

test("actions: a name is taken from 85 percent on, and never with another number", () => {
  const named = (area, said) =>
    new Actions(tools, { area: [area] }).consider(JSON.stringify({ name: "HassTurnOn", arguments: { area: said } }));
  const name = "abcdefghijklmnopqrstuvwxy"; // 25 letters: 4 wrong ones are 84 percent
  assert.equal(named(name, "zzzdefghijklmnopqrstuvwxy").status, "ready");
  assert.equal(named(name, "zzzzefghijklmnopqrstuvwxy").status, "ask");
  assert.equal(named("guest room 1", "guest rom 1").status, "ready");
  assert.equal(named("guest room 1", "guest room 2").status, "ask"); // 91 percent
});

test("actions: homes and functions with slips are refused", async () => {
  for (const home of [
    [],
    null,
    { aera: ["x"] },
    { "HassTurnOff.volume": [] },
    { area: "kitchen" },
    { area: ["?!"] },
    { area: [{ name: "a", alias: [] }] },
    { area: [{ name: "a", aliases: ["b", 1] }] },
  ]) {
    assert.equal(await errorOf(() => new Actions(tools, home ?? null)), "ActionError", JSON.stringify(home));
  }
  assert.equal(await errorOf(() => new Actions(tools).on("OpenDoor", () => 0)), "ActionError");
  const pattern = [{ name: "f", parameters: { properties: { a: { type: "string", pattern: "x" } } } }];
  assert.equal(await errorOf(() => new Actions(pattern)), "SchemaError");
});
