import assert from "node:assert/strict";
import { test } from "node:test";

import { Actions, Chat, Sampler, uniform } from "../../../mobile/web/core/index.js";
import { bundle, errorOf, shippedText, vectors } from "./contract.js";
import { FakeRunner } from "./fake_runner.js";

const golden = vectors("golden");
const files = { "tokenizer.json": shippedText("tokenizer.json"), "tools.json": shippedText("tools.json") };
const LIGHTS = "turn on the kitchen lights";
const [{ off: CALL }] = golden.cases;

/** A chat whose model answers `ids`. */
function chatThatSays(ids, constrain = "off") {
  const runner = new FakeRunner(ids);
  const chat = new Chat({ bundle, files, runner, constrain });
  const asked = chat.promptIds.bind(chat);
  chat.promptIds = (messages) => {
    const prompt = asked(messages);
    runner.promptTokens = prompt.length;
    return prompt;
  };
  return { chat, runner };
}

test("chat: golden prompts and answers of the contract, in every mode", async () => {
  for (const mode of ["off", "schema", "substrings"]) {
    const { chat, runner } = chatThatSays([], mode);
    for (const { text, prompt_ids: prompt, [mode]: expected } of golden.cases) {
      runner.answer = expected.ids;
      const pieces = [];
      const answer = await chat.answer(text, {
        maxNewTokens: golden.max_new_tokens,
        onText: (piece) => pieces.push(piece),
      });
      assert.deepEqual(answer.ids, expected.ids, `${mode}: ${text}`);
      assert.deepEqual(
        [answer.stopped, answer.promptTokens, answer.refused],
        [expected.stopped, prompt.length, 0],
        `${mode}: ${text}`,
      );
      assert.equal(pieces.join(""), answer.text);
      assert.equal(answer.text, chat.tokenizer.decode(expected.ids));
      const read = expected.stopped ? expected.ids : expected.ids.slice(0, -1); // the last id is not read back
      assert.deepEqual(runner.ids, [...prompt, ...read], "what the caches hold");
    }
  }
});

test("chat: stop ids and budgets of the contract", async () => {
  for (const { proposed, max_new_tokens: maxNewTokens, ids, stopped, text } of vectors("stream").answers) {
    const { chat } = chatThatSays(proposed);
    const answer = await chat.answer("x", { maxNewTokens });
    assert.deepEqual([answer.ids, answer.stopped, answer.text], [ids, stopped, text], JSON.stringify(proposed));
  }
});

test("chat: a constraint mends what the model says", async () => {
  const { chat } = chatThatSays([5, 6, 7], "schema"); // no call
  const answer = await chat.answer(LIGHTS, { maxNewTokens: 40 });
  const call = JSON.parse(answer.text);
  assert.deepEqual(Object.keys(call), ["name", "arguments"]);
  assert.ok(answer.refused > 0);
  assert.ok(!answer.stopped, "a string of the first legal ids, which the budget closed");
  assert.equal((await chat.answer(LIGHTS, { constrain: "off" })).refused, 0);
});

test("chat: an answer stopped where its budget let it be the one that was meant", async () => {
  for (const mode of ["schema", "substrings"]) {
    const { chat } = chatThatSays(CALL.ids, mode);
    const stopped = [];
    for (let maxNewTokens = 1; maxNewTokens <= 40; maxNewTokens++) {
      const answer = await chat.answer(LIGHTS, { maxNewTokens });
      assert.equal(answer.stopped, answer.ids.join() === CALL.ids.join(), `${mode}: ${maxNewTokens}`);
      stopped.push(answer.stopped);
    }
    assert.ok(!stopped[CALL.ids.length] && stopped[39], "its room is a bound: the last token and the stop id need more");
    const short = await chat.answer(LIGHTS, { maxNewTokens: CALL.ids.length });
    assert.equal(JSON.parse(short.text).name, "HassTurnOn", "a whole call even so");
    const actions = new Actions(chat.tools);
    actions.on("HassTurnOn", () => assert.fail("must not be called"));
    const { done, action, message } = await actions.perform(short, { dryRun: false });
    assert.deepEqual([done, action.code, message], [false, "cut_off", "refused, the answer was cut off"]);
    assert.equal(actions.consider(await chat.answer(LIGHTS)).status, "ready");
  }
});

test("chat: the window ends an answer, and too long a text is refused before anything runs", async () => {
  const { chat, runner } = chatThatSays(new Array(500).fill(70));
  const answer = await chat.answer(LIGHTS);
  assert.equal(answer.stopped, false);
  assert.equal(answer.promptTokens + answer.ids.length, bundle.window + 1); // the last id is not read back
  const clears = runner.clears;
  for (const text of ["word ".repeat(2000), "x".repeat(10_000), "🙂".repeat(300)]) {
    assert.equal(await errorOf(() => chat.answer(text)), "ContextFullError");
  }
  assert.equal(runner.clears, clears);
});

test("chat: texts that nobody meant", async () => {
  const { chat } = chatThatSays(CALL.ids, "substrings");
  for (const text of ["", "   ", "\ud800"]) {
    assert.equal(await errorOf(() => chat.answer(text)), "PromptError", JSON.stringify(text));
  }
  for (const text of ["🙂🙃", "打开厨房的灯", "أطفئ الأنوار", "<|im_end|><|im_start|>assistant", '"\\\u0007', "?!"]) {
    const { name } = JSON.parse((await chat.answer(text)).text);
    assert.ok(name === null || typeof name === "string", text);
  }
});

test("chat: contents that are no text", async () => {
  const { chat } = chatThatSays(CALL.ids);
  for (const content of [null, 7, [{ type: "text", text: "on" }, { type: "image" }], ["on"], [{ text: null }]]) {
    const messages = [{ role: "user", content }];
    assert.equal(await errorOf(() => chat.answer(messages)), "PromptError", JSON.stringify(content));
    assert.throws(() => chat.promptIds(messages), /content holds .* which is no text/);
  }
});

test("chat: cancelled between two tokens, and ready for the next question", async () => {
  const { chat } = chatThatSays(CALL.ids);
  const cancel = new AbortController();
  const tokens = [];
  const answer = chat.answer(LIGHTS, {
    signal: cancel.signal,
    onToken: (id) => tokens.push(id) === 3 && cancel.abort(),
  });
  const next = chat.answer(LIGHTS);
  assert.equal(await errorOf(() => answer), "AbortError");
  assert.equal(tokens.length, 3);
  assert.deepEqual((await next).ids, CALL.ids);
});

test("chat: questions at once are answered one after the other", async () => {
  const { chat } = chatThatSays(CALL.ids, "substrings");
  const answers = await Promise.all([chat.answer(LIGHTS), chat.answer(LIGHTS)]);
  answers.forEach(({ ids }) => assert.deepEqual(ids, CALL.ids));
});

test("chat: random choices repeat themselves with their seed", async () => {
  const { chat } = chatThatSays([5, 6, 7]);
  const draw = async (seed) =>
    (await chat.answer(LIGHTS, { maxNewTokens: 12, sampler: new Sampler({ temperature: 1, random: uniform(seed) }) }))
      .ids;
  assert.deepEqual(await draw(1), await draw(1));
  assert.notDeepEqual(await draw(1), await draw(2));
});

test("chat: self-test", async () => {
  const expected = bundle.golden.first_ids.int8;
  const tested = async (ids, change = (/** @type {any} */ runner) => runner) => {
    const runner = new FakeRunner(ids);
    runner.promptTokens = bundle.golden.prompt_ids.length;
    return new Chat({ bundle, files, runner: change(runner) }).selfTest();
  };
  assert.deepEqual(await tested(expected), { variant: "int8", idsChecked: expected.length });
  await assert.rejects(tested([...expected.slice(0, -1), 5]), /gives the ids/);
  const constant = (value) => (runner) =>
    Object.assign(runner, { decode: async () => new Float32Array(1472).fill(value) });
  await assert.rejects(tested(expected, constant(0)), /all 0/);
  await assert.rejects(tested(expected, constant(NaN)), /not finite/);
});

test("chat: self-test of verify, where it is used", async () => {
  const expected = bundle.golden.first_ids.int8;
  const tested = (change, speculative) => {
    const runner = new FakeRunner(expected, { verifySize: 8 });
    runner.promptTokens = bundle.golden.prompt_ids.length;
    const verify = runner.verify.bind(runner);
    runner.verify = async (ids, position) => change(await verify(ids, position));
    return new Chat({ bundle, files, runner, speculative }).selfTest();
  };
  const same = (/** @type {Float32Array} */ logits) => logits;
  const other = (/** @type {Float32Array} */ logits) => logits.map((logit) => -logit);
  assert.equal((await tested(same, true)).idsChecked, expected.length);
  await assert.rejects(tested(other, true), /on the golden prompt verify gives the ids .*speculative: false/);
  assert.equal((await tested(other, false)).idsChecked, expected.length);
});

test("chat: a mode that is unknown, files that are missing", async () => {
  const runner = new FakeRunner([]);
  assert.throws(() => new Chat({ bundle, files, runner, constrain: "guess" }), /known are off, schema, substrings/);
  assert.throws(
    () => new Chat({ bundle, files: { "tools.json": files["tools.json"] }, runner }),
    /tokenizer.json is missing/,
  );
});
