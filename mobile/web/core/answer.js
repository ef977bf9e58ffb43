/** What one question brings back, and its text as the tokens come. */

/** Text as ids come; bytes of a character that is not complete yet are held back. */
export class TextStream {
  /** @param {{decode(ids: readonly number[]): string}} tokenizer */
  constructor(tokenizer) {
    this._tokenizer = tokenizer;
    /** @type {number[]} the tokens of the last piece: some decoders treat a first token in another way */
    this._context = [];
    /** @type {number[]} */
    this._fresh = [];
  }

  /** The text that one more id completes, "" where there is none yet. @param {number} id */
  push(id) {
    this._fresh.push(id);
    const piece = this._continuation();
    if (!piece || piece.endsWith("\ufffd")) {
      return "";
    }
    this._context = this._fresh;
    this._fresh = [];
    return piece;
  }

  /** What is still held back when the answer is over. */
  end() {
    const rest = this._continuation();
    this._context = this._fresh = [];
    return rest;
  }

  _continuation() {
    const whole = this._tokenizer.decode([...this._context, ...this._fresh]);
    return whole.slice(this._tokenizer.decode(this._context).length);
  }
}

/**
 * One answer: its text, and how long it took.
 *
 * `ids` are without the stop id. `stopped` is false where the budget or the window ended the answer, or cut it short: a
 * constrained answer is a whole call even so, but not the one the model meant. Times are in seconds: `first` from the
 * call to the first new token (prompt included), `seconds` of the whole. `refused` counts the tokens that the constraint
 * replaced.
 */
export class Answer {
  /**
   * @param {{text: string, ids: number[], stopped: boolean, promptTokens: number, first: number, seconds: number,
   *   refused: number}} values
   */
  constructor({ text, ids, stopped, promptTokens, first, seconds, refused }) {
    this.text = text;
    this.ids = ids;
    this.stopped = stopped;
    this.promptTokens = promptTokens;
    this.first = first;
    this.seconds = seconds;
    this.refused = refused;
  }

  /** Of the whole answer, reading the prompt included: several tokens may come by one call, the first one too. */
  get tokensPerSecond() {
    return this.seconds > 0 ? this.ids.length / this.seconds : 0;
  }
}
