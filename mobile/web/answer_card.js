/** The card of one answer: the text as it streams in, then the call in words, its arguments and the figures. */

import { lineOf, wordsOf } from "./call_words.js";
import { element, fill } from "./elements.js";

/** @typedef {import("./core/actions.js").Action & {said: string}} Action `said`: in one line */
/**
 * @typedef {object} Answer of the worker
 * @property {string} text
 * @property {boolean} stopped false where the window cut it off or short
 * @property {number} first seconds
 * @property {number} tokensPerSecond
 * @property {number[]} ids
 * @property {number} refused choices that the constraint replaced
 * @property {Action | null} action what the text comes to; null where the model has no functions
 */

export class AnswerCard {
  constructor() {
    this._card = element("answer");
    this._title = element("answer-title");
    this._text = element("answer-text");
    this._note = element("answer-note");
  }

  /** @param {string} said */
  begin(said) {
    this._card.hidden = false;
    element("answer-said").textContent = said;
    this._title.classList.add("waiting");
    this._text.classList.add("streaming");
    this._text.textContent = "";
    this._note.textContent = "";
    delete this._note.dataset.state;
    for (const part of [this._title, element("answer-arguments"), element("answer-figures")]) {
      part.replaceChildren();
    }
  }

  /** @param {string} piece */
  add(piece) {
    this._text.append(piece);
  }

  /** Ends the card; gives back its title in one line. @param {Answer} answer */
  end(answer) {
    this._still();
    const { action } = answer;
    const words = wordsFor(action);
    const values = action?.status === "ready" ? Object.entries(action.arguments) : [];
    this._title.replaceChildren(...titleOf(words));
    fill(element("answer-arguments"), values.map(([key, value]) => [key, shown(value)]));
    fill(element("answer-figures"), figures(answer).map(([value, name]) => [name, value]));
    this._note.dataset.state = action?.status ?? "";
    this._note.textContent = noteOf(answer);
    return lineOf(words);
  }

  /** @param {string} why */
  breakOff(why) {
    this._still();
    this._title.textContent = why;
  }

  _still() {
    this._title.classList.remove("waiting");
    this._text.classList.remove("streaming");
  }
}

/** @param {import("./call_words.js").Words} words @returns {(string | Node)[]} */
function titleOf({ subject, effect }) {
  /** @type {(string | Node)[]} */
  const parts = [];
  for (const [index, word] of subject.entries()) {
    parts.push(...(index ? [spanOf("separator", " · ")] : []), word);
  }
  return subject.length ? [...parts, spanOf("separator", " → "), spanOf("effect", effect)] : [effect];
}

/** @param {string} kind @param {string} text */
function spanOf(kind, text) {
  const span = document.createElement("span");
  span.className = kind;
  span.textContent = text;
  return span;
}

/** @param {Action | null} action @returns {import("./call_words.js").Words} */
function wordsFor(action) {
  if (action === null || action.status === "refused") {
    return { subject: [], effect: action ? "Refused" : "Answered" };
  }
  return wordsOf({ name: action.function, arguments: action.arguments });
}

/** @param {Answer} answer */
function noteOf({ stopped, action }) {
  if (!stopped) {
    return `Cut off: the model’s window is full.${action ? " An app would not act on this." : ""}`;
  }
  if (action?.status === "refused") {
    return `An app would not act on this: ${action.said}.`;
  }
  return action?.status === "ready" ? `${action.function}, checked against its schema` : "";
}

/** Value, name. @param {Answer} answer @returns {[string, string][]} */
function figures({ first, tokensPerSecond, ids, refused }) {
  /** @type {[string, string][]} */
  const found = [[`${(first * 1e3).toFixed(0)} ms`, "to the first token"]];
  if (tokensPerSecond) {
    found.push([tokensPerSecond.toLocaleString("en", { maximumFractionDigits: 0 }), "tokens/s"]);
  }
  found.push([String(ids.length), ids.length === 1 ? "token" : "tokens"]);
  if (refused) {
    found.push([String(refused), refused === 1 ? "choice corrected" : "choices corrected"]);
  }
  return found;
}

/** @param {unknown} value */
function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
