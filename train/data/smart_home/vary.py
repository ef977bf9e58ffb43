"""Other wordings for training sentences: what people say around and instead of the grammar's words.

General rules of English, none of them a template: the particle moves ("turn the fan on"), the place goes first, a verb
has synonyms, a request is wrapped ("I'd like you to …"). The call stays the same. Only training rows are varied.
"""

from __future__ import annotations

import re
from random import Random
from typing import Any

SHARE = 0.35
_PARTICLE_FIRST = re.compile(
    r"^(turn|switch|shut) (on|off|up|down) (?P<object>(?:the|my|our|all) .+?)(?P<rest> (?:to|by|in|on|at) .+)?$"
)
_PARTICLE_LAST = re.compile(
    r"^(turn|switch|shut) (?P<object>(?:the|my|our|all) .+?) (?P<particle>on|off|up|down)"
    r"(?P<rest> (?:to|by|in|on|at) .+)?$"
)
_PLACE = r"(?P<before>.+?) (?P<place>(?:in|on|at) (?:(?:the|my|our) )?%s)$"
_SYNONYMS = (
    (re.compile(r"^(?:turn|switch) on\b"), ("switch on", "turn on", "power on", "put on")),
    (re.compile(r"^(?:turn|switch) off\b"), ("switch off", "turn off", "power off", "shut off")),
    (re.compile(r"^increase\b"), ("raise", "bump up", "boost", "increase")),
    (re.compile(r"^decrease\b"), ("lower", "reduce", "drop", "decrease")),
    (re.compile(r"^(?:set|change)\b"), ("adjust", "change", "set")),
    (re.compile(r"^(?:what is|what's) the\b"), ("tell me the", "give me the", "can you tell me the", "check the")),
    (re.compile(r"^(?:is|are) the\b"), ("check if the", "can you check whether the", "tell me if the")),
    (re.compile(r"^(?:cancel|stop) (?=.*\btimer\b)"), ("cancel ", "stop ", "end ", "abort ", "kill ")),
    (re.compile(r"^(?:resume|continue|unpause) "), ("resume ", "continue ", "carry on with ", "unpause ")),
    (re.compile(r"^add (?=.*\bto\b.*\blist\b)"), ("add ", "write ", "append ")),
    (re.compile(r"^(?:remove|delete) "), ("remove ", "delete ", "take ", "erase ")),
)
_IMPERATIVE = re.compile(
    r"(turn|switch|set|change|make|increase|decrease|adjust|put|open|close|shut|raise|lower|activate|deactivate|start|stop|run|"
    r"pause|resume|skip|play|mute|unmute|lock|unlock|press|push|vacuum|clean|return|dock|mow|add|check|complete|delete|remove|"
    r"cancel|power|reduce|bump|boost|drop|end|continue|tell|give|broadcast|announce)\b"
)
FRAMES = (
    "I want you to {}",
    "I'd like you to {}",
    "I need you to {}",
    "go ahead and {}",
    "hey, {}",
    "ok, {}",
    "hi, {}",
    "now {}",
    "could you please {}",
    "can you quickly {}",
    "let's {}",
    "just {}",
)
_AFTER = ("now", "right now", "thanks", "thank you", "right away", "if you can")


def vary(text: str, arguments: dict[str, Any], copied: list[str], open_end: bool, rng: Random) -> str:
    """Another wording of `text`, or the text itself.

    Args:
        text: the sentence, without politeness or punctuation.
        arguments: the call's; the place that may go first is looked up in them.
        copied: values that the call copies from the sentence: they stay as they are.
        open_end: the sentence ends in free text, behind which nothing may be said.
    """
    varied = _varied(text, arguments, open_end, rng)
    return varied if all(value in varied for value in copied) else text


def _varied(text: str, arguments: dict[str, Any], open_end: bool, rng: Random) -> str:
    if rng.random() < 0.35:
        text = _particle(text)
    if rng.random() < 0.4:
        text = _synonym(text, rng)
    draw = rng.random()
    if draw < 0.2:
        return _place_first(text, arguments)
    if draw < 0.55 and _IMPERATIVE.match(text):
        return rng.choice(FRAMES).format(text)
    if draw < 0.7 and not open_end and _IMPERATIVE.match(text):
        return f"{text} {rng.choice(_AFTER)}"
    return text


def _particle(text: str) -> str:
    """'turn off the fan in the den' ↔ 'turn the fan off in the den'."""
    first = _PARTICLE_FIRST.match(text)
    if first:
        return f"{first[1]} {first['object']} {first[2]}{first['rest'] or ''}"
    last = _PARTICLE_LAST.match(text)
    if last:
        return f"{last[1]} {last['particle']} {last['object']}{last['rest'] or ''}"
    return text


def _synonym(text: str, rng: Random) -> str:
    for pattern, choices in _SYNONYMS:
        if pattern.match(text):
            return pattern.sub(rng.choice(choices), text, count=1)
    return text


def _place_first(text: str, arguments: dict[str, Any]) -> str:
    """'turn on the lights in the kitchen' → 'in the kitchen, turn on the lights'."""
    for slot in ("area", "floor"):
        if slot in arguments:
            found = re.match(_PLACE % re.escape(str(arguments[slot])), text)
            if found:
                return f"{found['place']}, {found['before']}"
    return text
