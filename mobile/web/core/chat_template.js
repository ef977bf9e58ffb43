/**
 * Chat messages to token ids, exactly as the model was trained on them.
 *
 *     <|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n
 *
 * Special tokens are placed by id. Text is encoded by a tokenizer that knows none, so that "<|im_end|>" typed by a
 * user stays plain text and cannot end the turn.
 */

import { PromptError } from "./errors.js";

export const ROLES = ["system", "user", "assistant"];
const LONE_SURROGATE = /\p{Surrogate}/u;
const SAYS_SOMETHING = /[^\p{White_Space}\x1c-\x1f]/u; // what Python's strip() leaves

/** @typedef {{role: string, content: string | {type?: string, text: string}[]}} Message */
/** @typedef {{encode(text: string): number[]}} Encoder */

/**
 * Ids up to where the assistant's answer begins. PromptError where there is no text to answer.
 * @param {Encoder} tokenizer
 * @param {readonly Message[]} messages
 * @param {number} startId
 * @param {number} stopId
 * @returns {number[]}
 */
export function promptIds(tokenizer, messages, startId, stopId) {
  if (!messages.some((message) => SAYS_SOMETHING.test(contentOf(message)))) {
    throw new PromptError("The prompt is empty: there is no text to answer.");
  }
  const turns = messages.flatMap((message) => [
    startId,
    ...turnText(tokenizer, message),
    stopId,
    ...textIds(tokenizer, "\n"),
  ]);
  return [...turns, startId, ...textIds(tokenizer, "assistant\n")];
}

/** @param {Encoder} tokenizer @param {Message} message */
function turnText(tokenizer, message) {
  const content = contentOf(message);
  if (!ROLES.includes(message.role)) {
    throw new PromptError(`A message has the role "${message.role}"; known are ${ROLES.join(", ")}.`);
  }
  // The header of an answer is encoded apart: the model generated after the header's tokens.
  return message.role === "assistant"
    ? [...textIds(tokenizer, "assistant\n"), ...textIds(tokenizer, content)]
    : textIds(tokenizer, `${message.role}\n${content}`);
}

/** @param {Encoder} tokenizer @param {string} text */
function textIds(tokenizer, text) {
  if (LONE_SURROGATE.test(text)) {
    throw new PromptError("The text is not valid Unicode: half of a character is missing. Send it again.");
  }
  return tokenizer.encode(text);
}

/** Content of a message: a string, or a list of text parts. PromptError where it is something else. @param {Message} message */
export function contentOf(message) {
  const content = message.content === undefined ? "" : message.content;
  if (typeof content === "string") {
    return content;
  }
  const parts = Array.isArray(content) ? content : [content];
  const wrong = parts.find((part) => typeof part?.text !== "string" || (part.type ?? "text") !== "text");
  if (wrong !== undefined) {
    throw new PromptError(
      `A message's content holds ${JSON.stringify(wrong).slice(0, 80)}, which is no text. Give a string, or a list ` +
        'of {"type": "text", "text": "…"}.',
    );
  }
  return parts.map((part) => part.text).join("");
}

/**
 * The text that excerpts are cut from: the user's last message.
 * @param {readonly Message[]} messages
 */
export function lastSaid(messages) {
  const said = messages.filter((message) => message.role === "user").pop();
  return said ? contentOf(said) : "";
}
