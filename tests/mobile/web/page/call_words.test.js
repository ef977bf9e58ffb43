import assert from "node:assert/strict";
import { test } from "node:test";

import { lineOf, wordsOf } from "../../../../mobile/web/call_words.js";
import { examplesFor } from "../../../../mobile/web/examples.js";
import { shippedText } from "../contract.js";

const line = (name, values) => lineOf(wordsOf({ name, arguments: values }));

test("words: calls of the default job", () => {
  const expected = [
    ["HassTurnOn", { area: "kitchen", domain: "light" }, "Kitchen · lights → on"],
    ["HassTurnOff", { area: "bedroom", device_class: "curtain", domain: "cover" }, "Bedroom · curtains → close"],
    ["HassTurnOff", { floor: "upstairs", domain: "light" }, "Upstairs · lights → off"],
    ["HassLightSet", { name: "reading lamp", brightness: 20 }, "Reading lamp → 20 %"],
    ["HassStartTimer", { hours: 1, minutes: 5 }, "Timer → 1 h 5 min"],
    ["HassCancelTimer", { name: "pizza" }, "Timer · pizza → cancel"],
    ["HassShoppingListAddItem", { item: "milk" }, "Shopping list → add “milk”"],
    ["HassSetVolumeRelative", { area: "office", volume_step: -10 }, "Volume · office → −10 %"],
    ["HassMediaPlayerMute", { name: "TV" }, "TV → mute"],
    ["HassMediaNext", { area: "kitchen" }, "Player · kitchen → next"],
    [null, {}, "No function applies"],
  ];
  for (const [name, values, text] of expected) {
    assert.equal(line(name, values), text);
  }
});

test("words: every function of the shipped student has words, and any other function, too", () => {
  for (const { name } of JSON.parse(shippedText("tools.json"))) {
    assert.doesNotMatch(line(name, {}), /hass|go$/i, name);
  }
  assert.equal(line("setSeatHeating", { seat: "left", level: 3 }), "Set seat heating → seat left, level 3");
  assert.equal(line("toString", {}), "To string → go", "a name that every object knows is a name like any other");
});

test("examples: those whose function is known, else the model's own", () => {
  assert.deepEqual(examplesFor({ functions: ["HassStartTimer"], example: "x" }), ["set a timer for 10 minutes"]);
  assert.deepEqual(examplesFor({ functions: ["mine"], example: "do mine" }), ["do mine"]);
});
