/**
 * A call in a few words: {"name":"HassTurnOn","arguments":{"area":"kitchen","domain":"light"}} is
 * "Kitchen · lights → on".
 *
 * The functions of the default job have words of their own. Any other function reads as its name and its values, so
 * that the page works with everybody's own functions.
 */

/** @typedef {{name: string | null, arguments: Record<string, unknown>}} Call */
/** @typedef {{subject: string[], effect: string}} Words */

/** Where a call acts, from the widest to the closest; these stand left of the arrow. */
const PLACES = ["floor", "area", "name", "device_class", "domain"];

const PLURALS = /** @type {Record<string, string>} */ ({
  light: "lights", fan: "fans", cover: "covers", lock: "locks", switch: "switches", person: "people",
  awning: "awnings", blind: "blinds", curtain: "curtains", door: "doors", garage: "garage doors", gate: "gates",
  shade: "shades", shutter: "shutters", window: "windows",
});

/** Function → what stands left of the arrow where no place is named, and its effect from the arguments. */
const EFFECTS = /** @type {Record<string, [string, (a: Record<string, any>) => string]>} */ ({
  HassBroadcast: ["Announcement", (a) => quoted(a.message)],
  HassCancelAllTimers: ["All timers", () => "cancel"],
  HassCancelTimer: ["Timer", () => "cancel"],
  HassClimateGetTemperature: ["Temperature", () => "how warm?"],
  HassClimateSetFanMode: ["Fan", (a) => `fan ${a.fan_mode}`],
  HassClimateSetTemperature: ["Heating", (a) => `${a.temperature}°`],
  HassDecreaseTimer: ["Timer", (a) => `${duration(a)} less`],
  HassFanSetSpeed: ["Fan", (a) => `${a.percentage} %`],
  HassGetCurrentDate: ["Date", () => "which day?"],
  HassGetCurrentTime: ["Time", () => "how late?"],
  HassGetState: ["Home", (a) => (a.state ? `${a.state}?` : "how is it?")],
  HassGetWeather: ["Weather", () => "how is it?"],
  HassIncreaseTimer: ["Timer", (a) => `${duration(a)} more`],
  HassLawnMowerDock: ["Mower", () => "back to its dock"],
  HassLawnMowerStartMowing: ["Mower", () => "mow"],
  HassLightSet: ["Lights", light],
  HassListAddItem: ["List", (a) => `add ${quoted(a.item)}`],
  HassListCompleteItem: ["List", (a) => `tick off ${quoted(a.item)}`],
  HassListRemoveItem: ["List", (a) => `remove ${quoted(a.item)}`],
  HassMediaNext: ["Player", () => "next"],
  HassMediaPause: ["Player", () => "pause"],
  HassMediaPlayerMute: ["Player", () => "mute"],
  HassMediaPlayerUnmute: ["Player", () => "sound on"],
  HassMediaPrevious: ["Player", () => "previous"],
  HassMediaSearchAndPlay: ["Player", (a) => `play ${quoted(a.search_query)}`],
  HassMediaUnpause: ["Player", () => "go on"],
  HassNevermind: ["Never mind", () => "nothing"],
  HassPauseTimer: ["Timer", () => "pause"],
  HassSetPosition: ["Covers", (a) => `${a.position} % open`],
  HassSetVolume: ["Volume", (a) => `${a.volume_level} %`],
  HassSetVolumeRelative: ["Volume", (a) => volume(a.volume_step)],
  HassShoppingListAddItem: ["Shopping list", (a) => `add ${quoted(a.item)}`],
  HassShoppingListCompleteItem: ["Shopping list", (a) => `tick off ${quoted(a.item)}`],
  HassStartTimer: ["Timer", start],
  HassTimerStatus: ["Timer", () => "how long still?"],
  HassTurnOff: ["Home", (a) => (opens(a) ? "close" : "off")],
  HassTurnOn: ["Home", (a) => (opens(a) ? "open" : "on")],
  HassUnpauseTimer: ["Timer", () => "go on"],
  HassVacuumCleanArea: ["Vacuum", () => "clean"],
  HassVacuumReturnToBase: ["Vacuum", () => "back to its base"],
  HassVacuumStart: ["Vacuum", () => "start"],
});

/** What the title says besides the place: these functions are not clear from their effect alone. */
const NAMED = /Timer|List|Volume|Vacuum|Mower|Weather|Temperature/;

/** @param {Call} call @returns {Words} */
export function wordsOf({ name, arguments: values }) {
  if (name === null) {
    return { subject: [], effect: "No function applies" };
  }
  const shown = PLACES.filter((key) => typeof values[key] === "string" && !implied(key, values));
  const place = shown.map((key) => placed(String(values[key]), key));
  const known = Object.hasOwn(EFFECTS, name) ? EFFECTS[name] : null;
  const [what, effect] = known ?? [spaced(name), otherValues];
  const named = !known || NAMED.test(name) || (name.includes("Media") && !("name" in values));
  const subject = place.length === 0 ? [what] : named ? [what, ...place] : place;
  return { subject: subject.map((word, index) => (index ? word : capital(word))), effect: effect(values) };
}

/** As one line, for lists and screen readers. @param {Words} words */
export function lineOf({ subject, effect }) {
  return subject.length ? `${subject.join(" · ")} → ${effect}` : effect;
}

/** Whether a name or a kind of device says it already. @param {string} key @param {Record<string, unknown>} values */
function implied(key, values) {
  const saying = { domain: ["name", "device_class"], device_class: ["name"] }[key] ?? [];
  return saying.some((other) => other in values);
}

/** @param {string} value @param {string} key */
function placed(value, key) {
  return key === "domain" || key === "device_class" ? (PLURALS[value] ?? value) : value;
}

/** @param {Record<string, unknown>} values */
function opens(values) {
  return values.domain === "cover" || "device_class" in values;
}

/** @param {Record<string, any>} a */
function light(a) {
  const brightness = a.brightness === undefined ? "" : `${a.brightness} %`;
  const temperature = a.temperature === undefined ? "" : `${a.temperature} K`;
  return [brightness, a.color, temperature].filter(Boolean).join(", ") || "set";
}

/** @param {Record<string, any>} a */
function start(a) {
  return [duration(a), a.conversation_command && quoted(a.conversation_command)].filter(Boolean).join(", then ");
}

/** @param {string | number} step */
function volume(step) {
  return typeof step === "number" ? `${step > 0 ? "+" : "−"}${Math.abs(step)} %` : String(step);
}

/** @param {Record<string, any>} a */
function duration(a) {
  const parts = /** @type {[unknown, string][]} */ ([[a.hours, "h"], [a.minutes, "min"], [a.seconds, "s"]]);
  return parts.filter(([value]) => value !== undefined).map(([value, unit]) => `${value} ${unit}`).join(" ") || "start";
}

/** @param {Record<string, unknown>} values */
function otherValues(values) {
  const rest = Object.keys(values).filter((key) => !PLACES.includes(key) || typeof values[key] !== "string");
  const shown = (/** @type {unknown} */ value) => (typeof value === "string" ? value : JSON.stringify(value));
  return rest.map((key) => `${spaced(key)} ${shown(values[key])}`).join(", ") || "go";
}

/** "setRoom_mode" → "set room mode". @param {string} name */
function spaced(name) {
  const words = name.replace(/^Hass(?=[A-Z])/, "").replace(/([a-z0-9])([A-Z])/g, "$1 $2");
  return words.replace(/[_.-]+/g, " ").toLowerCase();
}

/** @param {unknown} text */
function quoted(text) {
  return `“${text}”`;
}

/** @param {string} word */
function capital(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
