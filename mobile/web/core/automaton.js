/**
 * The grammar as an automaton over bytes, made deterministic only where answers go.
 *
 * A state is a set of stacks (what is still to come, innermost first), because an enumeration and a free string may
 * begin alike. States are kept and joined by edges as they are met, so that a byte met before costs one look-up.
 * Stacks are kept, too: equal ones are the same object, and its number is what states are known by.
 */

import { Choice, Series } from "./call_grammar.js";
import { CLOSED, Excerpt } from "./json_terminals.js";
import { Numeral } from "./number_terminal.js";
import { Utterance } from "./utterance.js";

/** @typedef {import("./call_grammar.js").Frame} Frame */

/**
 * What is still to come, the innermost frame first. `frame` is null at the end of the call.
 * @typedef {{id: number, frame: any, rest: Stack | null}} Stack
 */

/** @type {Stack} */
const END = { id: 0, frame: null, rest: null };

/**
 * A point in the call.
 *
 * `final`: the call is complete. `depends`: what follows depends on the utterance, an excerpt begins or goes on here.
 * `local`: it goes on, so that the state itself makes sense for one utterance only.
 */
export class State {
  /** @param {Stack[]} stacks */
  constructor(stacks) {
    this.stacks = stacks;
    this.final = stacks.includes(END);
    this.depends = stacks.some(({ frame }) => frame instanceof Excerpt);
    this.local = stacks.some(({ frame }) => frame instanceof Excerpt && frame.positions !== null);
    /** @type {Map<number, State | null>} byte to next state */
    this.edges = new Map();
    /** @type {Map<number, State | null>} token id to next state */
    this.tokens = new Map();
    /** @type {Uint8Array | null} mask of token ids, once asked for */
    this.legal = null;
    /** @type {Map<number, number>} tokens to the end by the shortest excerpt: completion.js */
    this.left = new Map();
  }

  /** Drops what was found out about the states that follow. */
  forget() {
    this.edges.clear();
    this.tokens.clear();
    this.legal = null;
  }
}

/**
 * Follows the bytes of one call at a time.
 *
 * States inside an excerpt belong to the utterance: they live until the next `start`. All others stay, without what
 * they learned about the utterance.
 */
export class Automaton {
  /** @param {import("./call_grammar.js").CallGrammar} grammar */
  constructor(grammar) {
    this._grammar = grammar;
    this._shared = new Known();
    this._local = new Known();
    this._numbers = 0;
    /** @type {Set<State>} */
    this._dated = new Set();
    /** @type {Map<object, string>} Series and Choices to their names in keys */
    this._names = new Map();
    this.utterance = new Utterance("");
    this._root = this.below(this._stack(grammar.root, END));
  }

  /** The state before the first byte, for a call that answers `utterance`. @param {string} utterance */
  start(utterance) {
    if (this._grammar.substrings) {
      this.utterance = new Utterance(utterance);
      this._local = new Known();
      this._dated.forEach((state) => state.forget());
      this._dated.clear();
    }
    return this._root;
  }

  /** The state of a set of stacks. @param {Iterable<Stack>} stacks */
  state(stacks) {
    const members = [...new Set(stacks)].sort((a, b) => a.id - b.id);
    const key = members.map(({ id }) => id).join();
    const found = this._shared.states.get(key) ?? this._local.states.get(key);
    if (found) {
      return found;
    }
    const state = new State(members);
    (state.local ? this._local : this._shared).states.set(key, state);
    return state;
  }

  /** The state that a single stack stands for. @param {Stack} stack */
  below(stack) {
    return this.state(this._closure(stack));
  }

  /** The state after one more byte; null where no call goes on with it. @param {State} state @param {number} byte */
  step(state, byte) {
    const known = state.edges.get(byte);
    if (known !== undefined) {
      return known;
    }
    const stacks = state.stacks.flatMap((stack) => this._follow(stack, byte));
    const result = stacks.length ? this.state(stacks) : null;
    state.edges.set(byte, result);
    if (state.depends) {
      this.date(state);
    }
    return result;
  }

  /** The state after several bytes; null where no call goes on with them. @param {State} state @param {Uint8Array} bytes */
  advance(state, bytes) {
    /** @type {State | null} */
    let at = state;
    for (const byte of bytes) {
      if (at?.depends) {
        this.date(state);
      }
      at = at && this.step(at, byte);
    }
    return at;
  }

  /** Has a state forget at the next `start`, because what it keeps depends on the utterance. @param {State} state */
  date(state) {
    if (!state.local) {
      this._dated.add(state);
    }
  }

  /** Bytes that `step` might take, where they are few; null inside free strings and numbers. @param {State} state */
  options(state) {
    /** @type {Set<number>} */
    const found = new Set();
    for (const { frame } of state.stacks) {
      if (frame instanceof Excerpt) {
        frame.options(this.utterance).forEach((byte) => found.add(byte));
      } else if (frame !== null && frame.bytes === undefined) {
        return null;
      } else if (frame !== null) {
        found.add(frame.bytes.charCodeAt(0));
      }
    }
    return found;
  }

  /** @param {Stack} stack @param {number} byte */
  _follow({ frame, rest }, byte) {
    const after = frame === null ? null : frame.step(byte, this.utterance);
    if (after === null || rest === null) {
      return [];
    }
    return this._closure(after === CLOSED ? rest : this._stack(after, rest));
  }

  /** All stacks with bytes to read on top that a stack stands for. @param {Stack} stack @returns {Stack[]} */
  _closure(stack) {
    /** @type {Stack[]} */
    const found = [];
    const waiting = [stack]; // a list and no recursion: 2,000 optional properties are as many choices in one another
    for (let top = waiting.pop(); top; top = waiting.pop()) {
      const { frame, rest } = top;
      if (rest !== null && frame instanceof Series) {
        waiting.push(frame.parts.reduceRight((below, part) => this._stack(part, below), rest));
      } else if (rest !== null && frame instanceof Choice) {
        frame.options.forEach((option) => waiting.push(this._stack(option, rest)));
      } else {
        found.push(top);
        if (rest !== null && frame instanceof Numeral && frame.text && frame.complete) {
          waiting.push(rest); // may end here, or go on
        }
      }
    }
    return found;
  }

  /** The one stack of a frame on others. @param {Frame} frame @param {Stack} rest @returns {Stack} */
  _stack(frame, rest) {
    const key = `${rest.id} ${this._keyOf(frame)}`;
    const { stacks } = frame instanceof Excerpt && frame.positions ? this._local : this._shared;
    let stack = stacks.get(key);
    if (!stack) {
      stack = { id: ++this._numbers, frame, rest };
      stacks.set(key, stack);
    }
    return stack;
  }

  /** @param {Frame} frame @returns {string} */
  _keyOf(frame) {
    if (!(frame instanceof Series || frame instanceof Choice)) {
      return frame.key;
    }
    const name = this._names.get(frame) ?? `g${this._names.size}`;
    this._names.set(frame, name);
    return name;
  }
}

/** What has been met: stacks and states by their keys. */
class Known {
  constructor() {
    /** @type {Map<string, Stack>} */
    this.stacks = new Map();
    /** @type {Map<string, State>} */
    this.states = new Map();
  }
}
