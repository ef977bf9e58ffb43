/**
 * What can go wrong on the device, as one message a user can act on.
 *
 * `name` is the class: errors lose their class where they go from a worker to the page as plain objects.
 */

/** The folder or the model file is missing, damaged, or of another kind than expected. */
export class ModelError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** The prompt is empty, too long for the window, or holds ids outside the vocabulary. */
export class PromptError extends ModelError {}

/** The KV cache is full: no further token can be read or written. */
export class ContextFullError extends ModelError {}

/** tools.json asks for something that cannot be guaranteed. */
export class SchemaError extends ModelError {}

/** The home or the registered functions do not fit tools.json. */
export class ActionError extends ModelError {}
