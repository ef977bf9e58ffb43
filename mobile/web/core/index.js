/** All of the runtime in one import. */

export { ActionError, ContextFullError, ModelError, PromptError, SchemaError } from "./errors.js";
export { Actions, describe } from "./actions.js";
export { Answer, TextStream } from "./answer.js";
export { Bundle } from "./bundle.js";
export { CONSTRAINTS, CallConstraint } from "./constraint.js";
export { Chat } from "./chat.js";
export { MASKED, decodeInputs, prefillInputs } from "./inputs.js";
export { Sampler, argmax, uniform } from "./sampler.js";
export { Tokenizer } from "./tokenizer.js";
export { Home } from "./home.js";
export { contentOf, lastSaid, promptIds } from "./chat_template.js";
export { Drafter } from "./drafter.js";
export { generate } from "./generate.js";
export { planPrefill } from "./plan.js";
export { readTools } from "./tools.js";
