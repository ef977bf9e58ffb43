/**
 * The worker in which the model runs. A classic one: LiteRT.js loads its script by importScripts(), which module
 * workers refuse. What it does is in modules, which it imports.
 *
 * In, each with an id:  {type: "open", variant, threads}  {type: "ask", text, constrained}  {type: "measure", …}
 *                       {type: "stop"}
 * Out, with that id:    {type: "opened", facts}  {type: "text", piece}  {type: "answer", answer}  {type: "stopped"}
 *                       {type: "measured", result}  {type: "fault", fault}; without: {type: "progress", done, total}
 */

"use strict";

/** @type {Promise<any> | null} */
let session = null;
const loading = Promise.all([import("./faults.js"), import("./session.js"), import("./measure.js")]);

self.onmessage = async ({ data }) => {
  try {
    await handle(data);
  } catch (error) {
    self.postMessage(error.name === "AbortError" ? { type: "stopped", id: data.id } : await told(error, data.id));
  }
};

/** @param {any} message */
async function handle(message) {
  const [, { Session }, { measure }] = await loading;
  if (message.type === "open") {
    session = Session.open(message, (done, total) => self.postMessage({ type: "progress", done, total }));
    self.postMessage({ type: "opened", id: message.id, facts: (await session).facts() });
  } else if (message.type === "ask") {
    const { id, text, constrained } = message;
    const onText = (/** @type {string} */ piece) => self.postMessage({ type: "text", id, piece });
    const answer = await (await session).ask(text, constrained, onText);
    self.postMessage({ type: "answer", id, answer });
  } else if (message.type === "stop") {
    (await session)?.stop();
  } else if (message.type === "measure") {
    self.postMessage({ type: "measured", id: message.id, result: await measure(message) });
  }
}

/** @param {unknown} error @param {number | undefined} id */
async function told(error, id) {
  try {
    const [{ faultOf }] = await loading;
    return { type: "fault", id, fault: faultOf(error) };
  } catch (broken) {
    // Not even the page's own modules came: an old browser (no import() in workers), or a file that is missing.
    const message = `The page's modules could not be read (${broken}).`;
    return { type: "fault", id, fault: { kind: "missing", message } };
  }
}
