/**
 * How many tokens the shortest end of a call takes: what the last tokens of a budget are kept for.
 *
 * A bound that is cheap and never too small, added up over what is still to come:
 *
 * - fixed bytes (names, keys, closed values, punctuation): the fewest tokens that spell them, none of which reaches
 *   into the next part;
 * - free strings and numbers: one token a byte, closing quote included;
 * - excerpts: one token a byte up to the next place where one may end, and one for the closing quote; an excerpt not
 *   begun counts as the shortest one of the utterance;
 * - a choice: its cheapest option.
 *
 * Some next token always makes it smaller by one or more, so that a budget that held the bound once holds it to the end.
 */

import { Choice, Series } from "./call_grammar.js";
import { Excerpt, Literal, NO_END } from "./json_terminals.js";

/** @typedef {import("./automaton.js").State} State */
/** @typedef {import("./call_grammar.js").Frame} Frame */
/** @typedef {import("./utterance.js").Utterance} Utterance */

export class Completion {
  /** @param {Iterable<Uint8Array>} spellings bytes of the tokens. The bound counts on each single byte being one. */
  constructor(spellings) {
    this._spellings = new Set(Array.from(spellings, (bytes) => String.fromCharCode(...bytes)));
    this._longest = [...this._spellings].reduce((most, spelled) => Math.max(most, spelled.length), 0);
    /** @type {Map<string, number>} */
    this._fixed = new Map([["", 0]]);
    /** @type {Map<number, Map<Frame, number>>} by the shortest excerpt, which is all they depend on */
    this._frames = new Map();
  }

  /**
   * Tokens that complete the call, its stop id not counted; NO_END or more where the utterance allows no end.
   * @param {State} state
   * @param {Utterance} utterance
   */
  left(state, utterance) {
    const known = state.left.get(utterance.shortest);
    const left = known ?? Math.min(...state.stacks.map((stack) => this._stack(stack, utterance)));
    state.left.set(utterance.shortest, left);
    return left;
  }

  /** Fewest tokens that spell fixed bytes. @param {string} data one character a byte @returns {number} */
  fixed(data) {
    for (let start = data.length - 1; start >= 0; start--) {
      const rest = data.slice(start);
      if (!this._fixed.has(rest)) {
        this._fixed.set(rest, this._fewest(rest));
      }
    }
    return /** @type {number} */ (this._fixed.get(data));
  }

  /** Over the first token of `rest`; all that may come after it is known. @param {string} rest */
  _fewest(rest) {
    let fewest = NO_END;
    for (let end = 1; end <= Math.min(this._longest, rest.length); end++) {
      if (this._spellings.has(rest.slice(0, end))) {
        fewest = Math.min(fewest, 1 + /** @type {number} */ (this._fixed.get(rest.slice(end))));
      }
    }
    return fewest;
  }

  /** @param {import("./automaton.js").Stack} stack @param {Utterance} utterance */
  _stack(stack, utterance) {
    const known = this._frames.get(utterance.shortest) ?? new Map();
    this._frames.set(utterance.shortest, known);
    let left = 0;
    for (let { frame, rest } = stack; rest !== null; { frame, rest } = rest) {
      left += this._frame(frame, utterance, known);
    }
    return left;
  }

  /** @param {Frame} frame @param {Utterance} utterance @param {Map<Frame, number>} known @returns {number} */
  _frame(frame, utterance, known) {
    const leftOf = (/** @type {Frame} */ part) =>
      isCompound(part) ? /** @type {number} */ (known.get(part)) : this._terminal(part, utterance);
    const waiting = isCompound(frame) && !known.has(frame) ? [frame] : [];
    while (waiting.length) {
      // A list and no recursion: the items of an array of at most 2,000 are inside one another.
      const compound = waiting[waiting.length - 1];
      const parts = partsOf(compound);
      const missing = parts.filter(isCompound).filter((part) => !known.has(part));
      if (missing.length) {
        missing.forEach((part) => waiting.push(part));
        continue;
      }
      waiting.pop();
      const lefts = parts.map(leftOf);
      known.set(compound, compound instanceof Series ? lefts.reduce((sum, left) => sum + left, 0) : Math.min(...lefts));
    }
    return leftOf(frame);
  }

  /** @param {any} frame @param {Utterance} utterance @returns {number} */
  _terminal(frame, utterance) {
    if (frame instanceof Literal) {
      return this.fixed(frame.bytes);
    }
    return frame instanceof Excerpt ? frame.bytesLeft(utterance) : frame.left;
  }
}

/** @param {Frame} frame */
function isCompound(frame) {
  return frame instanceof Series || frame instanceof Choice;
}

/** What the bound of a Series or a Choice is made of. @param {any} frame @returns {Frame[]} */
function partsOf(frame) {
  // A loop ends with its first option, and leads back to itself in the others.
  return frame instanceof Series ? frame.parts : frame.loops ? frame.options.slice(0, 1) : frame.options;
}
