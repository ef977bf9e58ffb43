/** What mobile/web/core makes of the cases that test_js_core.py sends: a JSON object in, its results out. */

import { readFileSync } from "node:fs";

import { CallConstraint, Tokenizer, argmax, readTools } from "../../../mobile/web/core/index.js";
import { canonicalJson, parseJson } from "../../../mobile/web/core/canonical_json.js";

const KINDS = {
  /** Ids of each text. */
  encode: ({ tokenizer, texts }) => texts.map((text) => new Tokenizer(tokenizer).encode(text)),
  /** The canonical spelling of each JSON text. */
  canonical: ({ texts }) => texts.map((text) => canonicalJson(parseJson(text))),
  /** Per walk and step: the allowed ids, the bound on what is left, the id that was chosen; then what the sampler counted. */
  walks: ({ tools, tokenizer, vocab_size: vocabSize, stop_ids: stopIds, substrings, walks }) => {
    const constraint = new CallConstraint({ tools: readTools(tools), tokenizer, vocabSize, stopIds, substrings });
    return walks.map((walk) => followed(constraint, walk));
  },
};

function followed(constraint, { text, budget, logits }) {
  const sampler = constraint.sampler(argmax, text, budget);
  const steps = [];
  for (const step of logits.slice(0, budget)) {
    const mask = constraint.mask(sampler.state);
    const left = constraint.left(sampler.state);
    steps.push([[...mask.keys()].filter((id) => mask[id]), left, sampler.choose(step)]);
    if (constraint.stopIds.includes(steps.at(-1)[2])) {
      break;
    }
  }
  return { steps, refused: sampler.refused, squeezed: sampler.squeezed };
}

const { kind, ...given } = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(KINDS[kind](given)));
