/**
 * The safe way from an answer of the model to an effect.
 *
 * An answer that was cut off is refused, whole call or not. What else the model says is checked against tools.json,
 * names are looked up in the home's lists, and only then may a function that the app registered be called; without
 * `dryRun: false` not even that. All else is refused or asked back.
 */

import { CallGrammar } from "./call_grammar.js";
import { objectFault, readCall } from "./call_check.js";
import { canonicalJson, sorted } from "./canonical_json.js";
import { ActionError } from "./errors.js";
import { Home } from "./home.js";
import { find } from "./names.js";

/** @type {Record<string, string>} */
const REASONS = {
  cut_off: "the answer was cut off",
  not_a_call: "the answer is no call",
  unknown_function: "the answer names a function that is not offered",
  unknown_argument: "the function has no such argument",
  missing_argument: "an argument is missing",
  wrong_type: "an argument is of the wrong type",
  not_allowed: "an argument has a value that is not offered",
  out_of_range: "an argument is out of range",
  unknown_name: "nothing here has such a name",
};

/**
 * What has become of one answer; only a `ready` one may be carried out. The fields: mobile/contract/README.md.
 * @typedef {object} Action
 * @property {"ready" | "nothing" | "ask" | "refused"} status
 * @property {string | null} function
 * @property {Record<string, any>} arguments with the home's names
 * @property {{argument: string, said: string, meant: string}[]} corrected
 * @property {{argument: string, said: string, suggestions: string[]}[]} questions
 * @property {string | null} code why it was refused
 * @property {string | null} argument that is the cause
 */

/** An Answer of Chat, or a text alone, which does not tell whether it was cut off. @typedef {{text: string, stopped: boolean} | string} AnswerOrText */

/** What happened: `done` only where the app's function was called. @typedef {{action: Action, done: boolean, message: string, value: any}} Outcome */

export class Actions {
  /**
   * The functions of tools.json, the home's names, and what the app does for each call.
   *
   * SchemaError where a keyword of tools.json cannot be checked, ActionError where the home does not fit it.
   * @param {readonly import("./tools.js").Tool[]} tools what readTools gives
   * @param {Record<string, any>} [home] lists of names by argument (home.js); without one names are taken as said
   */
  constructor(tools, home = {}) {
    new CallGrammar(tools); // what constrained decoding cannot promise is not checked here either: refused by name
    /** @type {Map<string, any>} */
    this._parameters = new Map(tools.map(({ name, parameters }) => [name, parameters ?? {}]));
    this._home = new Home(home, tools);
    /** @type {Map<string, (values: Record<string, any>) => any>} */
    this._effects = new Map();
  }

  /** Registers what to do for a function; it gets the arguments as one object. @param {string} name @param {(values: Record<string, any>) => any} effect */
  on(name, effect) {
    if (!this._parameters.has(name)) {
      const known = sorted(this._parameters.keys()).join(", ");
      throw new ActionError(`tools.json has no function "${name}"; it has ${known}.`);
    }
    this._effects.set(name, effect);
  }

  /**
   * What an answer comes to; nothing is done. Give the Answer of Chat where there is one.
   * @param {AnswerOrText} answer
   * @param {Record<string, string>} [choices] names by argument that answer earlier questions
   * @returns {Action}
   */
  consider(answer, choices = {}) {
    if (typeof answer !== "string" && !answer.stopped) {
      return action("refused", { code: "cut_off" });
    }
    const call = readCall(typeof answer === "string" ? answer : answer.text);
    if (call === null) {
      return action("refused", { code: "not_a_call" });
    }
    if (call.name === null) {
      return action("nothing", {});
    }
    const parameters = this._parameters.get(call.name);
    if (!parameters) {
      return action("refused", { code: "unknown_function" });
    }
    const values = { ...call.arguments, ...choices };
    const fault = objectFault(values, parameters, parameters);
    return fault ? action("refused", { function: call.name, ...fault }) : this._resolved(call.name, values);
  }

  /**
   * Considers an answer and, where it is ready and `dryRun` is off, calls the registered effect. What the effect
   * throws is the app's own and comes through.
   * @param {AnswerOrText} answer
   * @param {{dryRun?: boolean, choices?: Record<string, string>}} [options]
   * @returns {Promise<Outcome>}
   */
  async perform(answer, { dryRun = true, choices = {} } = {}) {
    const considered = this.consider(answer, choices);
    const effect = this._effects.get(String(considered.function));
    const outcome = (/** @type {string} */ message) => ({ action: considered, done: false, message, value: undefined });
    if (considered.status !== "ready") {
      return outcome(describe(considered));
    }
    if (!effect) {
      return outcome(`nothing is registered for ${considered.function}`);
    }
    if (dryRun) {
      return outcome(`would call ${describe(considered)}`);
    }
    const value = await effect(considered.arguments);
    return { action: considered, done: true, message: `called ${describe(considered)}`, value };
  }

  /** @param {string} name @param {Record<string, any>} values */
  _resolved(name, values) {
    const found = { ...values };
    const corrected = [];
    const questions = [];
    for (const argument of sorted(Object.keys(values))) {
      const said = values[argument];
      const names = this._home.names(name, argument);
      if (names === null || typeof said !== "string") {
        continue;
      }
      const { name: meant, suggestions } = find(said, names);
      if (meant === null && !suggestions.length) {
        return action("refused", { function: name, code: "unknown_name", argument });
      }
      if (meant === null) {
        questions.push({ argument, said, suggestions });
      } else if (meant !== said) {
        found[argument] = meant;
        corrected.push({ argument, said, meant });
      }
    }
    return action(questions.length ? "ask" : "ready", { function: name, arguments: found, corrected, questions });
  }
}

/** One line for people. @param {Action} considered */
export function describe(considered) {
  switch (considered.status) {
    case "nothing":
      return "no function applies";
    case "refused":
      return `refused, ${REASONS[String(considered.code)]}${considered.argument ? `: ${considered.argument}` : ""}`;
    case "ask":
      return considered.questions
        .map(({ said, suggestions }) => `"${said}": did you mean ${suggestions.join(" or ")}?`)
        .join("; ");
    default:
      return `${considered.function}(${canonicalJson(considered.arguments)})`;
  }
}

/** @param {Action["status"]} status @param {Partial<Action>} values @returns {Action} */
function action(status, values) {
  const empty = { function: null, arguments: {}, corrected: [], questions: [], code: null, argument: null };
  return { status, ...empty, ...values };
}
