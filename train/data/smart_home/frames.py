"""Whole sentences for calls whose subject may be a room, a floor, a device or the name of a timer.

Among the training templates many a frame takes one kind of subject only: "what's the X temperature" a device, "cancel
the X timer" a room. A model then learns the frame instead of the name, and takes the pantry of the held-out frame for a
device. Each frame here takes every kind, so that only the name itself tells which it is. They are plain English, none
of them is a template of the grammar. Only training rows are framed.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from train.data.smart_home.fresh_words import words_of_kinds
from train.data.smart_home.sides import words
from train.data.smart_home.values import Value
from train.data.smart_home.walker import Walk

SHARE = 0.5  # of the sentences that a frame fits; as often as all wordings of the grammar together
_SUBJECTS = ("area", "floor", "name")
_ARTICLES = (("the", "my", "our", ""), (0.78, 0.14, 0.04, 0.04))
_LEVELS = frozenset(words("max, maximum, highest, min, minimum, lowest, max., min."))
_UNITS = ("hours", "minutes", "seconds")

# {x}: the subject with its article; {at}: that with its preposition, too; {v}: the value with its unit; {kind}: the
# plain words for a kind of cover. Keys: intent, and the other slots that are said.
_FRAMES: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {
    ("HassClimateGetTemperature", ()): (
        "read me {x} temperature",
        "I'd like to know {x} temperature",
        "do you know {x} temperature",
        "report {x} temperature",
        "{x} temperature please",
        "which temperature does {x} have",
        "what temperature does {x} show",
        "what temperature is {x} at",
        "how many degrees does {x} have",
        "look up {x} temperature for me",
        "let me know {x} temperature",
        "read out {x} temperature",
    ),
    ("HassClimateSetTemperature", ("temperature",)): (
        "I want {x} at {v}",
        "I'd like {x} temperature at {v}",
        "get {x} to {v}",
        "heat {x} to {v}",
        "warm {x} up to {v}",
        "cool {x} down to {v}",
        "{x} temperature should be {v}",
        "bring {x} temperature to {v}",
        "keep {x} at {v}",
        "put {x} temperature at {v}",
        "let {x} reach {v}",
    ),
    ("HassLightSet", ("color",)): (
        "give {x} a {v} color",
        "give {x} the color {v}",
        "I want {x} in {v}",
        "let {x} glow {v}",
        "let {x} shine {v}",
        "the color of {x} should be {v}",
        "{x} should be {v}",
        "choose {v} for {x}",
        "use {v} as the color of {x}",
        "pick {v} for {x} color",
        "tint {x} {v}",
        "I'd love {x} to be {v}",
    ),
    ("HassLightSet", ("brightness",)): (
        "dim {x} to {v}",
        "brighten {x} to {v}",
        "I want {x} at {v} brightness",
        "{x} brightness should be {v}",
        "the brightness of {x} should be {v}",
        "bring {x} brightness to {v}",
        "let {x} shine at {v}",
        "light {x} at {v}",
        "run {x} at {v} brightness",
        "give {x} {v} brightness",
    ),
    ("HassLightSet", ("temperature",)): (
        "give {x} a color temperature of {v}",
        "I want {x} at a color temperature of {v}",
        "the color temperature of {x} should be {v}",
        "choose {v} as the color temperature of {x}",
        "use a color temperature of {v} for {x}",
        "{v} as the color temperature for {x}",
    ),
    ("HassSetVolume", ("volume_level",)): (
        "put {x} volume at {v}",
        "I want {x} volume at {v}",
        "{x} volume should be {v}",
        "the volume of {x} should be {v}",
        "bring {x} volume to {v}",
        "I'd like {x} at {v} volume",
        "let {x} play at {v} volume",
        "have {x} volume at {v}",
    ),
    ("HassSetVolumeRelative", ("volume_step",)): (
        "make {x} {v}",
        "make it {v} {at}",
        "I want it {v} {at}",
        "{x} should be {v}",
        "could {x} be {v}",
        "play {v} {at}",
        "get {x} {v}",
    ),
    ("HassCancelTimer", ()): (
        "get rid of {x} timer",
        "forget {x} timer",
        "clear {x} timer",
        "I don't need {x} timer anymore",
        "drop {x} timer",
        "abort {x} timer",
        "end {x} timer",
        "{x} timer can go",
        "call off {x} timer",
        "kill {x} timer",
    ),
    ("HassPauseTimer", ()): (
        "halt {x} timer",
        "hold {x} timer",
        "put {x} timer on hold",
        "freeze {x} timer",
        "let {x} timer wait",
        "interrupt {x} timer",
    ),
    ("HassUnpauseTimer", ()): (
        "let {x} timer run on",
        "let {x} timer go on",
        "get {x} timer running again",
        "go on with {x} timer",
        "unpause {x} timer",
        "carry on with {x} timer",
        "{x} timer may go on",
        "set {x} timer going again",
    ),
    ("HassTimerStatus", ()): (
        "how is {x} timer doing",
        "what does {x} timer say",
        "when does {x} timer go off",
        "when will {x} timer be done",
        "check {x} timer",
        "check on {x} timer",
        "show me {x} timer",
        "is {x} timer nearly done",
        "how far along is {x} timer",
        "how much longer does {x} timer run",
    ),
    ("HassMediaPrevious", ()): (
        "play that again {at}",
        "play that one again {at}",
        "once more the last song {at} please",
        "repeat the last song {at}",
        "repeat the previous track {at}",
        "the same song again {at}",
        "let me hear the last one again {at}",
    ),
    ("HassMediaPause", ()): (
        "halt the playback {at}",
        "hold the music {at}",
        "hold {x} for a moment",
        "put {x} on pause",
        "give {x} a break",
    ),
    ("HassMediaUnpause", ()): (
        "go on playing {at}",
        "keep playing {at}",
        "let {x} play on",
        "carry on playing {at}",
        "get {x} playing again",
    ),
    ("HassSetPosition", ("position",)): (
        "move {x} {kind} to {v}",
        "I want {x} {kind} at {v}",
        "put {x} {kind} at {v}",
        "have {x} {kind} at {v}",
        "{x} {kind} should be at {v}",
        "bring {x} {kind} to {v}",
        "leave {x} {kind} at {v}",
    ),
    ("HassVacuumReturnToBase", ()): (),
    ("HassLawnMowerDock", ()): (),
    **{
        ("HassIncreaseTimer", (unit,)): (
            "give {x} timer another {v}",
            "{v} more for {x} timer",
            "extend {x} timer by {v}",
            "prolong {x} timer by {v}",
            "let {x} timer run {v} longer",
            "make {x} timer {v} longer",
        )
        for unit in _UNITS
    },
    **{
        ("HassDecreaseTimer", (unit,)): (
            "make {x} timer {v} shorter",
            "shorten {x} timer by {v}",
            "cut {x} timer by {v}",
            "{v} less for {x} timer",
            "let {x} timer end {v} sooner",
        )
        for unit in _UNITS
    },
}
_DOCKED = (
    "send {x} home",
    "send {x} back",
    "send {x} to its dock",
    "call {x} back",
    "bring {x} back to its dock",
    "{x} should go home",
    "park {x}",
)
_FRAMES["HassVacuumReturnToBase", ()] = _FRAMES["HassLawnMowerDock", ()] = _DOCKED
_WHERE = (
    "do you know where {x} is",
    "tell me where {x} is",
    "where might {x} be",
    "where could {x} be",
    "I'd like to know where {x} is",
    "find out where {x} is",
    "any idea where {x} is",
    "where is {x} right now",
)
_PRESENT = (
    "tell me if anybody is {at}",
    "I wonder if somebody is {at}",
    "check if someone is {at}",
    "do we have anyone {at}",
    "are there people {at}",
    "is there someone {at}",
    "find out if people are {at}",
)


def framed(made: Walk, rng: Random) -> str | None:
    """Another whole sentence for the walk's call; None where no frame fits."""
    said = dict(made.values)
    subjects = [slot for slot in _SUBJECTS if slot in said]
    if made.template.intent == "HassGetState":
        return _state(made, said, rng)
    if len(subjects) != 1 or len(said) != len(made.values):
        return None
    subject = subjects[0]
    if subject == "area" and said[subject].surface.lower().rsplit(maxsplit=1)[-1] not in words_of_kinds():
        return None  # a room of any word: where a device or a timer could stand, nothing tells that it is one
    others = tuple(slot for slot in said if slot not in (subject, "device_class"))
    frames = _FRAMES.get((made.template.intent, others))
    if frames is None or ("device_class" in said) != (made.template.intent == "HassSetPosition" and subject != "name"):
        return None
    value = _value(others[0], said[others[0]], rng) if others else ""
    if value is None:
        return None
    kind = said["device_class"].surface if "device_class" in said else ""
    return _filled(rng.choice(frames), said[subject], subject, rng, v=value, kind=kind)


def _state(made: Walk, said: dict[str, Value], rng: Random) -> str | None:
    """Where somebody is, and whether anybody is somewhere."""
    if set(said) == {"name"} and said["name"].domain == "person":
        return _filled(rng.choice(_WHERE), said["name"], "name", rng)
    if set(said) == {"state"} and said["state"].entry is not None and made.slots.get("domain") == "person":
        return _filled(rng.choice(_PRESENT), said["state"], "state", rng)
    return None


def _filled(frame: str, value: Value, slot: str, rng: Random, v: str = "", kind: str = "") -> str:
    article = "" if value.entry is not None and value.entry.article == "none" else rng.choices(*_ARTICLES)[0]
    subject = f"{article} {value.surface}"
    preposition = "on" if slot == "name" else value.entry.preposition if value.entry is not None else "in"
    text = frame.format(x=subject, at=f"{preposition} {subject}", v=v, kind=kind)
    return " ".join(text.split())


def _percent(surface: str, rng: Random) -> str | None:
    if surface in _LEVELS:
        return None
    return f"{surface}%" if surface.isdigit() and rng.random() < 0.4 else f"{surface} percent"


def _degrees(surface: str, rng: Random) -> str | None:
    return f"{surface} degrees" if rng.random() < 0.65 else surface


def _kelvin(surface: str, rng: Random) -> str | None:
    return f"{surface} kelvin" if surface.isdigit() and rng.random() < 0.7 else surface


def _duration(unit: str, surface: str) -> str | None:
    if surface.startswith(("half", "a ", "an ")):
        return None
    return f"{surface} {unit[:-1] if surface in ('1', 'one') else unit}"


def _step(value: Value, rng: Random) -> str | None:
    if isinstance(value.out, str):
        louder = value.out == "up"
        return rng.choice(("", "a bit ", "a little ", "much ")) + ("louder" if louder else "quieter")
    said = _percent(value.surface, rng)
    return said and f"{said} {'louder' if value.out > 0 else 'quieter'}"


_SAID: dict[str, Callable[[str, Random], str | None]] = {
    "brightness": _percent,
    "volume_level": _percent,
    "position": _percent,
    "temperature": _degrees,
    "color": lambda surface, rng: surface,
}


def _value(slot: str, value: Value, rng: Random) -> str | None:
    if slot in _UNITS:
        return _duration(slot, value.surface)
    if slot == "volume_step":
        return _step(value, rng)
    if slot == "temperature" and isinstance(value.out, int) and value.out > 1000:
        return _kelvin(value.surface, rng)
    return _SAID[slot](value.surface, rng)
