import assert from "node:assert/strict";
import { test } from "node:test";

import { CONTEXTS } from "../../../mobile/web/core/drafter.js";
import { Chat, Drafter, Sampler, argmax, generate, uniform } from "../../../mobile/web/core/index.js";
import { bundle, errorOf, shippedText, vectors } from "./contract.js";
import { FakeRunner } from "./fake_runner.js";

const SIZE = 8;
const golden = vectors("golden");
const files = { "tokenizer.json": shippedText("tokenizer.json"), "tools.json": shippedText("tools.json") };
const contents = JSON.parse(files["tokenizer.json"]);

test("drafter: draft tokens of the contract", () => {
  const { cases, count, contexts } = vectors("drafter");
  const drafter = new Drafter(contents);
  assert.equal(CONTEXTS, contexts);
  for (const { prompt, answer, drafts } of cases) {
    drafter.begin(prompt);
    for (const [step, id] of answer.entries()) {
      assert.deepEqual(drafter.draft(count), drafts[step], `${prompt}: step ${step}`);
      drafter.add(id);
    }
  }
});

test("drafter: three words back decide which place of the prompt is copied, the first of equals", () => {
  const words = ["<s>", "a", "b", "c", "d", "one", "two"];
  const idsOf = (text) => text.split(" ").map((word) => words.indexOf(word));
  const vocab = Object.fromEntries(words.map((word, id) => [word, id]));
  const drafted = (said, answer) => {
    const drafter = new Drafter({ model: { vocab }, added_tokens: [{ id: 0 }] });
    drafter.begin(idsOf(said));
    idsOf(answer).forEach((id) => drafter.add(id));
    return words[drafter.draft(1)[0]];
  };
  assert.equal(drafted("d b c one a b c two <s>", "a b c"), "two");
  assert.equal(drafted("a b c one d a b c two <s>", "d a b c"), "one", "a fourth is not compared");
  assert.equal(drafted("d c one <s> c two <s>", "c"), "one", "where there is no word nothing is equal");
});

test("drafter: what is learned is forgotten before it grows too large", () => {
  const drafter = new Drafter(contents);
  const learned = () => {
    drafter.begin([]);
    return drafter.draft(3);
  };
  [5, 6, 7].forEach((id) => drafter.add(id));
  assert.deepEqual(learned(), [5, 6, 7]);
  for (let id = 0; id < CONTEXTS; id++) {
    drafter.add(1000 + id);
  }
  assert.ok(drafter._counts.size <= CONTEXTS && drafter._likeliest.size <= CONTEXTS);
  assert.deepEqual(learned(), []);
});

/** The answers of a chat to texts, whose model says what golden.json has; with the calls and the sampler's logits. */
async function answered(mode, shape, speculative, maxNewTokens = golden.max_new_tokens) {
  const runner = new FakeRunner([], shape);
  const chat = new Chat({ bundle, files, runner, constrain: mode, speculative });
  const answers = [];
  for (const { text, [mode]: expected } of [...golden.cases, ...golden.cases]) {
    const choices = [];
    const choose = (logits) => choices[choices.push(argmax(logits)) - 1];
    runner.answer = expected.ids;
    runner.promptTokens = chat.promptIds(text).length;
    const { ids, stopped, refused } = await chat.answer(text, {
      maxNewTokens,
      sampler: { choose },
    });
    const read = runner.ids.slice(0, runner.promptTokens + ids.length - Number(!stopped));
    answers.push({ ids, stopped, refused, choices, read });
  }
  return { answers, calls: runner.calls };
}

test("drafter: a chat's answers and choices are those without, in fewer calls", async () => {
  for (const mode of ["off", "schema", "substrings"]) {
    const plain = await answered(mode, { verifySize: SIZE }, false);
    const quick = await answered(mode, { verifySize: SIZE });
    const without = await answered(mode, {});
    assert.deepEqual(quick.answers, plain.answers, mode);
    assert.deepEqual(without, plain, `${mode}: without a signature for it`);
    assert.ok(quick.calls < plain.calls / 2, `${mode}: ${quick.calls} calls and ${plain.calls}`);
  }
});

test("drafter: what a small budget cuts short is the same with drafts", async () => {
  for (const mode of ["schema", "substrings"]) {
    for (const budget of [12, 18, 24, 30]) {
      const plain = await answered(mode, { verifySize: SIZE }, false, budget);
      const quick = await answered(mode, { verifySize: SIZE }, true, budget);
      assert.deepEqual(quick.answers, plain.answers, `${mode}: ${budget}`);
      const cut = plain.answers.filter(({ stopped }) => !stopped).length;
      assert.ok(cut > 0 && cut < plain.answers.length, `${mode}: ${cut} of ${plain.answers.length} at ${budget}`);
    }
  }
});

/** A model whose logits depend on every id that it has read: few ids, so that drafts are accepted now and then. */
function hashing() {
  const runner = new FakeRunner([], { window: 48, vocabSize: 12, buckets: [8], verifySize: SIZE });
  runner.logits = (ids) => {
    const random = uniform(ids.reduce((sum, id) => (Math.imul(sum, 31) + id + 1) | 0, 7));
    return Float32Array.from({ length: 12 }, (_, id) => random() + 2 * Number(id === 3 + ((ids.at(-1) + 1) % 4)));
  };
  return runner;
}

async function collected(ids) {
  const found = [];
  for await (const id of ids) {
    found.push(id);
  }
  return found;
}

test("drafter: no choice depends on drafts, whatever the budget, up to the window's end", async () => {
  const prompt = [1, 4, 5, 6];
  const stopIds = [0];
  const samplers = [() => new Sampler(), (seed) => new Sampler({ temperature: 1, random: uniform(seed) })];
  let [calls, plainCalls, fewer] = [0, 0, 0];
  for (const make of samplers) {
    const drafter = new Drafter(contents);
    for (let budget = 0; budget <= 48 - prompt.length + 1; budget++) {
      const options = (sampler) => ({ maxNewTokens: budget, stopIds, choose: sampler.choose.bind(sampler) });
      const [plain, quick] = [hashing(), hashing()];
      const expected = await collected(generate(plain, prompt, options(make(budget))));
      drafter.begin(prompt);
      const got = await collected(generate(quick, prompt, { ...options(make(budget)), drafter }));
      assert.deepEqual(got, expected, `budget ${budget}`);
      assert.deepEqual(quick.ids.slice(0, plain.ids.length), plain.ids, "rejected drafts stand behind what was read");
      assert.ok(quick.ids.length < prompt.length + Math.max(budget, 1), "no more is drafted than is wanted");
      calls += quick.calls;
      plainCalls += plain.calls;
      fewer += Number(quick.calls < plain.calls);
    }
  }
  assert.ok(calls < plainCalls && fewer > 20, `${calls} calls and ${plainCalls}, fewer in ${fewer} answers`);
});

test("drafter: the window's end is told as without", async () => {
  const drafter = new Drafter(contents);
  for (let time = 0; time < 2; time++) {
    drafter.begin([1]);
    const options = { maxNewTokens: 100, stopIds: [], choose: argmax, drafter };
    assert.equal(await errorOf(() => collected(generate(hashing(), [1], options))), "ContextFullError");
  }
});

test("drafter: cancelled within a call, and ready for the next question", async () => {
  const [{ text, off }] = golden.cases;
  const runner = new FakeRunner(off.ids, { verifySize: SIZE });
  const chat = new Chat({ bundle, files, runner, constrain: "off" });
  runner.promptTokens = chat.promptIds(text).length;
  await chat.answer(text);
  const cancel = new AbortController();
  const tokens = [];
  const calls = runner.calls;
  const onToken = (id) => tokens.push(id) === 3 && cancel.abort();
  assert.equal(await errorOf(() => chat.answer(text, { signal: cancel.signal, onToken })), "AbortError");
  assert.deepEqual([tokens, runner.calls], [off.ids.slice(0, 3), calls + 1]);
  assert.deepEqual((await chat.answer(text)).ids, off.ids);
});
