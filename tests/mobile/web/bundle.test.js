import assert from "node:assert/strict";
import { test } from "node:test";

import { Bundle, Chat } from "../../../mobile/web/core/index.js";
import { bundle, errorOf, shippedBytes, shippedText, vectors } from "./contract.js";
import { FakeRunner } from "./fake_runner.js";

const { model, cases } = vectors("damaged");
const runner = () => new FakeRunner([], { window: model.window, vocabSize: model.vocab_size, buckets: model.buckets });

/** Everything that an app does with a folder before the first question. */
async function opened(files) {
  const text = files["bundle.json"] && new TextDecoder().decode(files["bundle.json"]);
  const read = Bundle.parse(text ?? "");
  for (const name of read.neededFiles(read.defaultVariant())) {
    await read.checkFile(name, files[name] ?? new Uint8Array());
  }
  return new Chat({ bundle: read, files, runner: runner() });
}

function shippedFolder() {
  return Object.fromEntries(["bundle.json", ...bundle.neededFiles("int8")].map((name) => [name, shippedBytes(name)]));
}

const edits = {
  set: (files, { path, value }) => edited(files, (values) => (inside(values, path)[path.at(-1)] = value)),
  remove: (files, { path }) => edited(files, (values) => delete inside(values, path)[path.at(-1)]),
  text: (files, { value }) => (files["bundle.json"] = new TextEncoder().encode(value)),
  delete_file: (files, { file }) => delete files[file],
  truncate_file: (files, { file, bytes }) => (files[file] = files[file].slice(0, bytes)),
  change_byte: (files, { file, at }) => (files[file][at] ^= 0xff),
};

function edited(files, change) {
  const values = JSON.parse(new TextDecoder().decode(files["bundle.json"]));
  change(values);
  files["bundle.json"] = new TextEncoder().encode(JSON.stringify(values));
}

const inside = (values, path) => path.slice(0, -1).reduce((at, key) => at[key], values);

test("bundle: the shipped folder is taken", async () => {
  const chat = await opened(shippedFolder());
  assert.deepEqual([chat.variant, chat.constrain, chat.bundle.buckets], ["int8", "substrings", [8, 64]]);
});

test("bundle: a golden prompt without a sure id is taken", async () => {
  const files = shippedFolder();
  edited(files, (values) => (values.golden.first_ids.int8 = []));
  assert.deepEqual((await opened(files)).bundle.golden.first_ids.int8, []);
});

for (const { name, edits: list } of cases) {
  test(`bundle: refused, ${name}`, async () => {
    const files = shippedFolder();
    list.forEach((edit) => edits[edit.op](files, edit));
    assert.equal(await errorOf(() => opened(files)), "ModelError");
  });
}

test("bundle: other buckets than the model's", () => {
  assert.throws(() => bundle.checkRunner({ window: 160, vocabSize: 1472, buckets: [8, 32] }), /buckets 8, 32/);
});

test("bundle: the tokenizer of another model", async () => {
  const contents = JSON.parse(shippedText("tokenizer.json"));
  contents.model.vocab.another = bundle.vocabSize;
  const files = { "tokenizer.json": JSON.stringify(contents), "tools.json": shippedText("tools.json") };
  assert.throws(() => new Chat({ bundle, files, runner: runner() }), /another model/);
});

test("bundle: a variant that is not there", () => {
  assert.throws(() => bundle.modelFile("int2"), /it has int8/);
});
