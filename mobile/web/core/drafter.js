/**
 * Draft tokens for speculative decoding: an answer takes several tokens per call of the model.
 *
 * One call (`verify`) reads the draft tokens and gives the logits after each of them. A draft token is accepted where
 * the choice, made from those logits as ever, is the same token. So the answer is what it would be without drafts,
 * whatever the choice is made by: greedy, drawn, constrained. A rejected draft costs a part of that call, and no more.
 *
 * Draft tokens come from two places, neither of them a model:
 *
 * - what followed the last four or three tokens, else the last two or one, in the answers given so far, most often:
 *   calls are alike for long stretches ({"name":"Hass…","arguments":{"). Learned while the app runs, kept nowhere;
 * - what follows the same words in the prompt: values are mostly copied from what the user said. Asked after the
 *   contexts of three tokens.
 *
 * A port of mobile/runtime/drafter.py, which names the sources.
 */

const LONGEST = 4; // tokens of a context
const BEFORE_PROMPT = [4, 3]; // contexts of these many tokens are asked before the prompt
const AFTER_PROMPT = [2, 1];
const MATCHED = 3; // tokens back, at most, that a place in the prompt is compared with
const START = -1; // stands before the answer's first token
const SPACES = /^[Ġ▁ ]+/; // how vocabularies write the space before a word

/** Contexts that are kept at most: those of about 700 different answers; then all are forgotten. */
export const CONTEXTS = 10_000;

/** Learns from the answers of a chat, and proposes draft tokens within the next one. */
export class Drafter {
  /** @param {any} tokenizer contents of tokenizer.json, parsed */
  constructor(tokenizer) {
    this._words = wordsOf(tokenizer);
    /** @type {Map<string, Map<number, number>>} context → token → how often it followed */
    this._counts = new Map();
    /** @type {Map<string, number>} */
    this._likeliest = new Map();
    /** @type {readonly number[]} */
    this._prompt = [];
    /** @type {number[]} */
    this._answer = [];
    /** @type {Map<string, number[]>} word → where in the prompt it stands */
    this._places = new Map();
    this.begin([]);
  }

  /** A new answer, to this prompt. @param {readonly number[]} prompt */
  begin(prompt) {
    this._prompt = prompt;
    this._answer = new Array(LONGEST).fill(START);
    this._places = new Map();
    prompt.slice(0, -1).forEach((id, place) => {
      const word = this._words.get(id);
      if (word !== undefined) {
        const places = this._places.get(word) ?? [];
        this._places.set(word, places);
        places.push(place);
      }
    });
  }

  /** The answer's next token, the stop id included. @param {number} id */
  add(id) {
    for (let length = 1; length <= LONGEST; length++) {
      this._count(contextOf(this._answer, length), id);
    }
    this._answer.push(id);
  }

  /** At most `count` tokens that may follow the answer so far; none where nothing like it was seen. @param {number} count */
  draft(count) {
    const ids = [...this._answer];
    while (ids.length < this._answer.length + count) {
      const id = this._next(ids);
      if (id === undefined) {
        break;
      }
      ids.push(id);
    }
    return ids.slice(this._answer.length);
  }

  /** @param {readonly number[]} ids */
  _next(ids) {
    return this._seen(ids, BEFORE_PROMPT) ?? this._said(ids) ?? this._seen(ids, AFTER_PROMPT);
  }

  /** @param {readonly number[]} ids @param {readonly number[]} lengths */
  _seen(ids, lengths) {
    const found = lengths.map((length) => this._likeliest.get(contextOf(ids, length)));
    return found.find((id) => id !== undefined);
  }

  /** What follows in the prompt where most of the last words are the same; the first such place. @param {readonly number[]} ids */
  _said(ids) {
    const places = this._places.get(this._words.get(ids[ids.length - 1]) ?? "") ?? [];
    const equal = places.map((place) => this._equalWords(place, ids));
    const best = equal.indexOf(Math.max(...equal));
    return best < 0 ? undefined : this._prompt[places[best] + 1];
  }

  /** @param {number} place @param {readonly number[]} ids */
  _equalWords(place, ids) {
    for (let back = 1; back < MATCHED; back++) {
      const here = this._words.get(this._prompt[place - back]);
      if (here === undefined || here !== this._words.get(ids[ids.length - 1 - back])) {
        return back;
      }
    }
    return MATCHED;
  }

  /** @param {string} context @param {number} id */
  _count(context, id) {
    if (this._counts.size >= CONTEXTS) {
      this._counts.clear();
      this._likeliest.clear();
    }
    const counts = this._counts.get(context) ?? new Map();
    this._counts.set(context, counts);
    counts.set(id, (counts.get(id) ?? 0) + 1);
    if (counts.get(id) >= (counts.get(this._likeliest.get(context) ?? id) ?? 0)) {
      this._likeliest.set(context, id); // of equals the latest
    }
  }
}

/** The last tokens as a key. @param {readonly number[]} ids @param {number} length */
function contextOf(ids, length) {
  return ids.slice(-length).join();
}

/**
 * What tokens are compared by: their letters, small, without the space before a word; special tokens left out.
 * @param {any} tokenizer
 */
function wordsOf(tokenizer) {
  const special = new Set((tokenizer.added_tokens ?? []).map((/** @type {any} */ entry) => entry.id));
  /** @type {Map<number, string>} */
  const words = new Map();
  for (const [token, id] of Object.entries(tokenizer.model.vocab)) {
    const word = token.replace(SPACES, "").toLowerCase();
    if (word && !special.has(id)) {
      words.set(Number(id), word);
    }
  }
  return words;
}
