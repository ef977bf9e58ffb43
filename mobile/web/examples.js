/** Sentences to try, each with the function that a model must know for it. */

const SENTENCES = [
  ["HassTurnOn", "turn on the kitchen lights"],
  ["HassLightSet", "dim the reading lamp to 20%"],
  ["HassStartTimer", "set a timer for 10 minutes"],
  ["HassShoppingListAddItem", "add milk to my shopping list"],
  ["HassClimateGetTemperature", "what's the temperature in the living room"],
  ["HassMediaPlayerMute", "mute the TV"],
  ["HassTurnOn", "who won the world cup"], // no function applies
];

/** Those that suit a model: by its functions, and the sentence of its own self-test where there is none of ours.
 * @param {{functions: string[], example: string}} facts @returns {string[]} */
export function examplesFor({ functions, example }) {
  const fitting = SENTENCES.filter(([name]) => functions.includes(name)).map(([, text]) => text);
  return fitting.length ? fitting : [example];
}
