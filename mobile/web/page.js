/** The page: opens the model in a worker, asks it, and shows what comes back. */

import { AnswerCard } from "./answer_card.js";
import { element, fill } from "./elements.js";
import { examplesFor } from "./examples.js";
import { faultOf, missingFeatures, PageFault, wordsFor } from "./faults.js";
import { ModelClient } from "./model_client.js";
import { keepOffline } from "./offline.js";

const EARLIER = 12;

class Page {
  constructor() {
    this._field = /** @type {HTMLTextAreaElement} */ (element("text"));
    this._send = /** @type {HTMLButtonElement} */ (element("send"));
    this._constrained = /** @type {HTMLInputElement} */ (element("constrained"));
    this._variant = /** @type {HTMLSelectElement} */ (element("variant"));
    this._card = new AnswerCard();
    /** @type {{said: string, did: string} | null} the answer on the card */
    this._shown = null;
    this._busy = false;
    /** @type {ModelClient | null} */
    this._client = null;
    /** @type {import("./session.js").Facts | null} */
    this._facts = null;
    this._listen();
  }

  _listen() {
    element("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this._busy ? this._client?.stop() : this._ask(this._field.value);
    });
    this._field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this._ask(this._field.value);
      }
    });
    document.addEventListener("keydown", (event) => event.key === "Escape" && this._busy && this._client?.stop());
    element("fault-reload").addEventListener("click", () => location.reload());
    this._variant.addEventListener("change", () => this.open(this._variant.value));
  }

  /** Opens the model; a fault is told in the page. @param {string | null} variant null: int8 */
  async open(variant) {
    this._ready(false, "Opening…");
    this._variant.disabled = true;
    element("loading").hidden = false;
    try {
      const lacking = missingFeatures();
      if (lacking.length) {
        throw new PageFault("browser", `It lacks: ${lacking.join(", ")}.`);
      }
      this._client?.close();
      this._client = new ModelClient(showProgress);
      this._facts = await this._client.open(variant, threadsAsked());
      this._opened(this._facts);
    } catch (error) {
      showFault(error);
    } finally {
      element("loading").hidden = true;
      this._variant.disabled = false;
    }
  }

  /** @param {import("./session.js").Facts} facts */
  async _opened(facts) {
    showFacts(facts);
    this._choices(facts);
    this._examples(examplesFor(facts));
    this._ready(true, "Ready");
    this._field.focus({ preventScroll: true });
    if (await keepOffline(facts.addresses)) {
      element("status").dataset.offline = "";
      this._working(this._busy);
    }
  }

  /** @param {import("./session.js").Facts} facts */
  _choices({ constrain, variants, variant }) {
    element("bottom").hidden = false;
    element("variant-label").hidden = variants.length < 2;
    this._variant.replaceChildren(...variants.map((name) => new Option(name, name, false, name === variant)));
    const switchable = constrain !== "off";
    /** @type {HTMLElement} */ (this._constrained.closest("label")).hidden = !switchable;
  }

  /** @param {string[]} sentences */
  _examples(sentences) {
    const items = sentences.map((text) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
      button.addEventListener("click", () => {
        this._field.value = text;
        this._ask(text);
      });
      const item = document.createElement("li");
      item.append(button);
      return item;
    });
    element("examples").replaceChildren(...items);
    element("examples-part").hidden = false;
  }

  /** @param {string} text */
  async _ask(text) {
    if (this._busy || !this._client || !this._facts || this._send.disabled) {
      return;
    }
    element("text-fault").textContent = "";
    this._field.removeAttribute("aria-invalid");
    this._working(true);
    this._remember();
    this._card.begin(text.trim());
    try {
      const answer = await this._client.ask(text, this._constrained.checked, (piece) => this._card.add(piece));
      if (answer) {
        this._shown = { said: text.trim(), did: this._card.end(answer) };
      } else {
        this._card.breakOff("Stopped");
      }
    } catch (error) {
      this._failed(error);
    }
    this._working(false);
  }

  /** @param {unknown} error */
  _failed(error) {
    element("answer").hidden = true;
    const { kind, message } = faultOf(error);
    if (kind !== "text") {
      showFault(error);
      return;
    }
    element("text-fault").textContent = message;
    this._field.setAttribute("aria-invalid", "true");
    this._field.focus();
  }

  /** The card's answer goes to the list below. */
  _remember() {
    if (this._shown) {
      const item = document.createElement("li");
      for (const [kind, text] of [["asked", this._shown.said], ["did", this._shown.did]]) {
        item.append(Object.assign(document.createElement("span"), { className: kind, textContent: text }));
      }
      const list = element("earlier-list");
      list.prepend(item);
      list.children[EARLIER]?.remove();
      element("earlier").hidden = false;
      this._shown = null;
    }
  }

  /** @param {boolean} busy */
  _working(busy) {
    this._busy = busy;
    this._send.textContent = busy ? "Stop" : "Ask";
    const status = element("status");
    if (status.dataset.state !== "fault") {
      status.dataset.state = busy ? "busy" : "ready";
      status.textContent = busy ? "Answering…" : "offline" in status.dataset ? "Ready, also offline" : "Ready";
    }
  }

  /** @param {boolean} ready @param {string} text */
  _ready(ready, text) {
    this._send.disabled = !ready;
    element("status").dataset.state = ready ? "ready" : "busy";
    element("status").textContent = text;
  }
}

/** ?threads=1 in the address: fewer threads than the machine has. */
function threadsAsked() {
  const wanted = Number(new URLSearchParams(location.search).get("threads"));
  return Number.isInteger(wanted) && wanted > 0 ? wanted : null;
}

/** @param {number} done @param {number} total bytes */
function showProgress(done, total) {
  const bar = /** @type {HTMLProgressElement} */ (element("progress"));
  bar.max = total;
  bar.value = done;
  const label = done < total ? `Fetching the model, ${megabytes(total)}` : "Starting the model";
  element("progress-label").textContent = label;
}

/** @param {import("./session.js").Facts} facts */
function showFacts({ variant, bytes, parameters, window, threads }) {
  const million = (parameters / 1e6).toFixed(1);
  element("weights").textContent = parameters ? `of ${million} million weights ` : "";
  fill(element("facts"), [
    ["Model", `${variant}, ${megabytes(bytes)}`],
    ["Window", `${window} tokens`],
    ["Threads", String(threads)],
  ]);
}

/** @param {unknown} error */
function showFault(error) {
  const { kind, message } = faultOf(error);
  const { title, advice } = wordsFor(kind);
  element("fault").hidden = false;
  element("fault-title").textContent = title;
  element("fault-advice").textContent = advice;
  element("fault-detail").textContent = message;
  element("ask").hidden = true;
  element("examples-part").hidden = true;
  element("status").dataset.state = "fault";
  element("status").textContent = "Cannot answer";
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

new Page().open(null);
