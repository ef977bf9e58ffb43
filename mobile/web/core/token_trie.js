/** The vocabulary as bytes: what each token spells, and all tokens in a trie, for masks of allowed tokens. */

import { spelledBytes } from "./byte_letters.js";
import { ModelError } from "./errors.js";
import { CLOSED, Text } from "./json_terminals.js";

/** @typedef {import("./automaton.js").Automaton} Automaton */
/** @typedef {import("./automaton.js").State} State */

/**
 * Bytes of each token of a tokenizer.json with byte-level BPE, special tokens left out.
 * @param {any} tokenizer parsed
 * @returns {Map<number, Uint8Array>}
 */
export function tokenBytes(tokenizer) {
  const decoders = tokenizer.decoder?.decoders ?? [tokenizer.decoder];
  if (tokenizer.model?.type !== "BPE" || !decoders.some((/** @type {any} */ part) => part?.type === "ByteLevel")) {
    throw new ModelError(
      "Constrained decoding needs a byte-level BPE tokenizer, and tokenizer.json is of another kind. " +
        'Answer with constrain "off".',
    );
  }
  const special = new Set((tokenizer.added_tokens ?? []).map((/** @type {any} */ entry) => entry.id));
  /** @type {Map<number, Uint8Array>} */
  const tokens = new Map();
  for (const [text, id] of Object.entries(tokenizer.model.vocab)) {
    const spelled = special.has(id) ? null : spelledBytes(text);
    if (spelled?.length) {
      tokens.set(Number(id), spelled);
    }
  }
  return tokens;
}

/** A point in the trie: the ids of the tokens spelled so far, and what may follow. */
class Node {
  constructor() {
    /** @type {number[]} */
    this.ids = [];
    /** @type {Map<number, Node>} */
    this.children = new Map();
  }

  /** @param {number} byte */
  child(byte) {
    const child = this.children.get(byte) ?? new Node();
    this.children.set(byte, child);
    return child;
  }
}

/**
 * All tokens by their bytes; finds those that an automaton may take next.
 *
 * The inside of a free string allows most of the vocabulary, whatever follows the string. So for each phase of a
 * string the tokens that stay inside are found once, and those that leave it are followed from its closing quote.
 */
export class TokenTrie {
  /** @param {Map<number, Uint8Array>} tokens @param {number} vocabSize */
  constructor(tokens, vocabSize) {
    this._vocabSize = vocabSize;
    this._root = new Node();
    for (const [id, bytes] of tokens) {
      if (id < vocabSize) {
        bytes.reduce((node, byte) => node.child(byte), this._root).ids.push(id);
      }
    }
    /** @type {Map<number, {inside: Uint8Array, leaving: Node[]}>} */
    this._inside = new Map();
  }

  /**
   * [V]: 1 for the tokens after which a call can still go on. Kept with the state.
   * @param {Automaton} automaton
   * @param {State} state
   */
  mask(automaton, state) {
    if (state.legal) {
      return state.legal;
    }
    const legal = new Uint8Array(this._vocabSize);
    const free = state.stacks.filter(({ frame }) => frame instanceof Text && frame.free);
    for (const { frame, rest } of free) {
      const { inside, leaving } = this._text(frame.phase);
      inside.forEach((allowed, id) => (legal[id] |= allowed));
      const after = automaton.below(/** @type {import("./automaton.js").Stack} */ (rest));
      for (const node of leaving) {
        allow(legal, node);
        walk(node, automaton, after, state, legal);
      }
    }
    const others = state.stacks.filter((stack) => !free.includes(stack));
    if (others.length) {
      walk(this._root, automaton, free.length ? automaton.state(others) : state, state, legal);
    }
    state.legal = legal;
    return legal;
  }

  /** Tokens that stay inside a free string, and the nodes at which the others have closed it. @param {number} phase */
  _text(phase) {
    const known = this._inside.get(phase);
    if (known) {
      return known;
    }
    const found = { inside: new Uint8Array(this._vocabSize), leaving: /** @type {Node[]} */ ([]) };
    this._inside.set(phase, found);
    /** @type {[Node, Text][]} */
    const border = [[this._root, new Text(phase)]];
    for (let entry = border.pop(); entry; entry = border.pop()) {
      const [node, text] = entry;
      for (const [byte, child] of node.children) {
        const following = text.step(byte);
        if (following === CLOSED) {
          found.leaving.push(child);
        } else if (following instanceof Text) {
          allow(found.inside, child);
          border.push([child, following]);
        }
      }
    }
    return found;
  }
}

/** @param {Uint8Array} legal @param {Node} node */
function allow(legal, node) {
  node.ids.forEach((id) => (legal[id] = 1));
}

/**
 * Marks in the mask of `owner` all tokens below `root` that the automaton takes from `start` on.
 * @param {Node} root
 * @param {Automaton} automaton
 * @param {State} start
 * @param {State} owner
 * @param {Uint8Array} legal
 */
function walk(root, automaton, start, owner, legal) {
  /** @type {[Node, State][]} */
  const border = [[root, start]];
  for (let entry = border.pop(); entry; entry = border.pop()) {
    const [node, state] = entry;
    if (state.depends && node.children.size) {
      automaton.date(owner);
    }
    const options = node.children.size ? automaton.options(state) : [];
    for (const byte of options ?? node.children.keys()) {
      const child = node.children.get(byte);
      const following = child ? automaton.step(state, byte) : null;
      if (child && following) {
        allow(legal, child);
        border.push([child, following]);
      }
    }
  }
}
