/**
 * Byte-pair encoding of one word: neighbours are merged, the earliest learned pair first, the leftmost of equals.
 *
 * A heap instead of a search a merge: a word of 10,000 letters (a user may paste anything) takes milliseconds.
 */

import { ModelError } from "./errors.js";

const POSITIONS = 2 ** 26; // heap entries are rank * POSITIONS + position: exact in a double up to rank 2 ** 27
const PAIRS = 2 ** 26; // keys of pairs are left * PAIRS + right

export class BytePairs {
  /**
   * @param {Map<string, number>} vocabulary token to id
   * @param {(string | [string, string])[]} merges in the order they were learned
   */
  constructor(vocabulary, merges) {
    this._vocabulary = vocabulary;
    /** @type {Map<number, number>} pair to its rank */
    this._ranks = new Map();
    this._merged = merges.map((merge, rank) => {
      const [left, right] = typeof merge === "string" ? merge.split(" ") : merge;
      const ids = [left, right, left + right].map((token) => vocabulary.get(token));
      if (ids.includes(undefined)) {
        throw new ModelError(`tokenizer.json is damaged: the merge ${left} ${right} is not of its vocabulary.`);
      }
      this._ranks.set(Number(ids[0]) * PAIRS + Number(ids[1]), rank);
      return Number(ids[2]);
    });
  }

  /** Ids of one word, given as letters (byte_letters.js). @param {string} letters @returns {number[]} */
  encode(letters) {
    const ids = [...letters].map((letter) => this._vocabulary.get(letter)).filter((id) => id !== undefined);
    const word = new Word(ids);
    const heap = new Heap();
    const offer = (/** @type {number} */ at) => {
      const rank = this._rank(word, at);
      if (rank !== undefined) {
        heap.push(rank * POSITIONS + at);
      }
    };
    ids.forEach((_, at) => offer(at));
    for (let entry = heap.pop(); entry !== undefined; entry = heap.pop()) {
      const at = entry % POSITIONS;
      const rank = (entry - at) / POSITIONS;
      if (this._rank(word, at) === rank) {
        word.merge(at, this._merged[rank]);
        offer(at);
        offer(word.before[at]);
      } // else one of the two was merged with another neighbour meanwhile
    }
    return word.rest();
  }

  /** Rank of the pair that begins at a position. @param {Word} word @param {number} at */
  _rank({ ids, next }, at) {
    const right = next[at];
    return right < ids.length ? this._ranks.get(ids[at] * PAIRS + ids[right]) : undefined;
  }
}

const GONE = -1;

/** The tokens of a word, each linked to its neighbours; before the first comes -1, after the last the length. */
class Word {
  /** @param {number[]} ids */
  constructor(ids) {
    this.ids = [...ids];
    this.next = ids.map((_, at) => at + 1);
    this.before = ids.map((_, at) => at - 1);
  }

  /** The token at a position and the next become one. @param {number} at @param {number} id */
  merge(at, id) {
    const gone = this.next[at];
    this.ids[at] = id;
    this.next[at] = this.next[gone];
    this.before[this.next[gone]] = at;
    this.ids[gone] = GONE;
    this.next[gone] = this.ids.length; // no pair begins here any more
  }

  rest() {
    return this.ids.filter((id) => id !== GONE);
  }
}

/** Numbers, smallest first. */
class Heap {
  constructor() {
    /** @type {number[]} */
    this._items = [];
  }

  /** @param {number} item */
  push(item) {
    const items = this._items;
    let at = items.push(item) - 1;
    for (let up = (at - 1) >> 1; at > 0 && items[up] > item; at = up, up = (at - 1) >> 1) {
      items[at] = items[up];
      items[up] = item;
    }
  }

  /** The smallest, taken out; undefined where there is none. */
  pop() {
    const items = this._items;
    const smallest = items[0];
    const last = items.pop();
    if (items.length && last !== undefined) {
      items[0] = last;
      this._sink();
    }
    return smallest;
  }

  _sink() {
    const items = this._items;
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      const child = left + 1 < items.length && items[left + 1] < items[left] ? left + 1 : left;
      if (child >= items.length || items[at] <= items[child]) {
        return;
      }
      [items[at], items[child]] = [items[child], items[at]];
      at = child;
    }
  }
}
