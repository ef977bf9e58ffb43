/**
 * Always a valid call: a sampler that can only choose tokens with which a call goes on.
 *
 * A trained student is nearly always right by itself, so its choice is checked first, byte by byte along edges that
 * are known after a few answers; the mask over the whole vocabulary is made only where the choice is refused.
 *
 * The rule of the room: with `room` tokens left to choose, stop id included, a token is taken only if
 * left(state after it) + 2 <= room, where left() is the bound of completion.js on the tokens that complete the call,
 * and 2 stands for the token itself and the stop id. A choice of the model that is illegal or breaks the rule is made
 * again among the legal tokens; if the new choice breaks the rule too, once more among those that keep it, or, where
 * none does, among those with the smallest left(): a budget that holds no call is used up on the way to the nearest.
 *
 * A call is then whole, and not the one that was meant. So a sampler is `squeezed` from the first step on at which it
 * takes another id than the one meant, which is the model's own choice where that is legal, else the new choice among
 * all legal tokens.
 */

import { Automaton } from "./automaton.js";
import { CallGrammar } from "./call_grammar.js";
import { Completion } from "./completion.js";
import { ModelError } from "./errors.js";
import { NO_END } from "./json_terminals.js";
import { TokenTrie, tokenBytes } from "./token_trie.js";

/** @typedef {import("./automaton.js").State} State */
/** @typedef {import("./sampler.js").Logits} Logits */
/** @typedef {"off" | "schema" | "substrings"} Constrain */

/** @type {Constrain[]} */
export const CONSTRAINTS = ["off", "schema", "substrings"];

/** What a tokenizer and a list of functions allow; made once, used for all answers of a chat. */
export class CallConstraint {
  /**
   * @param {object} options
   * @param {readonly import("./tools.js").Tool[]} options.tools what readTools gives
   * @param {any} options.tokenizer contents of tokenizer.json, parsed
   * @param {number} options.vocabSize width of the logits
   * @param {readonly number[]} options.stopIds allowed only after a complete call, where nothing else is
   * @param {boolean} [options.substrings] open strings are cut from the utterance
   */
  constructor({ tools, tokenizer, vocabSize, stopIds, substrings = false }) {
    this.automaton = new Automaton(new CallGrammar(tools, substrings));
    this.tokens = tokenBytes(tokenizer);
    this.stopIds = stopIds;
    this._trie = new TokenTrie(this.tokens, vocabSize);
    this._completion = new Completion([...this.tokens].filter(([id]) => id < vocabSize).map(([, bytes]) => bytes));
  }

  /** The state before a call that answers `utterance`. It ends the call before it. @param {string} utterance */
  start(utterance) {
    return this.automaton.start(utterance);
  }

  /**
   * A sampler for one answer.
   * @param {(logits: Logits) => number} choose
   * @param {string} utterance
   * @param {number} maxNewTokens
   */
  sampler(choose, utterance, maxNewTokens) {
    return new ConstrainedSampler(this, choose, this.start(utterance), maxNewTokens);
  }

  /** The state after a token; null where no call goes on with it. @param {State} state @param {number} id */
  after(state, id) {
    const known = state.tokens.get(id);
    if (known !== undefined) {
      return known;
    }
    const bytes = this.tokens.get(id);
    const after = bytes ? this.automaton.advance(state, bytes) : null;
    state.tokens.set(id, after);
    return after;
  }

  /** Tokens that complete the call of the present answer, a bound that is never too small. @param {State} state */
  left(state) {
    return this._completion.left(state, this.automaton.utterance);
  }

  /** [V]: 1 for the legal tokens; after a complete call the stop ids. @param {State} state */
  mask(state) {
    const fresh = state.legal === null;
    const legal = this._trie.mask(this.automaton, state);
    if (fresh && state.final) {
      this.stopIds.forEach((id) => (legal[id] = 1));
    }
    return legal;
  }
}

/**
 * Chooses among the legal tokens, by the sampler it is given: for use as `choose` of `generate`.
 *
 * Towards the end of the budget only tokens are taken that leave room to complete the call, so that it is whole at
 * `maxNewTokens`, the stop id included: the rule of the room above. `squeezed` says whether that changed the call.
 */
export class ConstrainedSampler {
  /**
   * @param {CallConstraint} constraint
   * @param {(logits: Logits) => number} choose
   * @param {State} state
   * @param {number} maxNewTokens
   */
  constructor(constraint, choose, state, maxNewTokens) {
    this._constraint = constraint;
    this._choose = choose;
    this._room = maxNewTokens;
    this.state = state;
    /** How often the model's own choice was not legal, or left no room. */
    this.refused = 0;
    /** A legal choice was not taken for lack of room: the call is not the one that was meant. */
    this.squeezed = false;
  }

  /** One id. @param {Logits} logits */
  choose(logits) {
    if (this.state.final) {
      return this._constraint.stopIds[0]; // nothing else is legal: there is nothing to choose
    }
    let id = this._choose(logits);
    let after = this._constraint.after(this.state, id);
    if (!after || !this._fits(after)) {
      this.refused++;
      id = this._replacement(logits, after ? id : null);
      after = this._after(id);
    }
    this._room--;
    this.state = after;
    return id;
  }

  /** Whether one more token, those still needed after it, and the stop id fit. @param {State} after */
  _fits(after) {
    return this._constraint.left(after) + 2 <= this._room;
  }

  /** What is taken instead of the model's own choice; `meant` is that choice where it is legal. @param {Logits} logits @param {number | null} meant */
  _replacement(logits, meant) {
    const legal = this._constraint.mask(this.state);
    if (!legal.includes(1)) {
      throw new ModelError("No token of the vocabulary continues the call: the tokenizer lacks single bytes.");
    }
    const legalId = this._choose(masked(logits, legal));
    const fits = this._fits(this._after(legalId));
    const id = fits ? legalId : this._choose(masked(logits, this._fitting(legal)));
    this.squeezed ||= id !== (meant ?? legalId);
    return id;
  }

  /** The legal tokens that leave room, or those that come nearest to it. @param {Uint8Array} legal */
  _fitting(legal) {
    const left = Array.from(legal, (allowed, id) => (allowed ? this._constraint.left(this._after(id)) : NO_END));
    const most = Math.max(
      this._room - 2,
      left.reduce((least, own) => Math.min(least, own), NO_END),
    );
    return legal.map((allowed, id) => allowed && Number(left[id] <= most));
  }

  /** The state after a legal token. @param {number} id */
  _after(id) {
    return /** @type {State} */ (this._constraint.after(this.state, id));
  }
}

/** The logits with -Infinity where the mask is 0. @param {Logits} logits @param {Uint8Array} mask */
function masked(logits, mask) {
  return Float32Array.from(logits, (logit, id) => (mask[id] ? logit : -Infinity));
}
