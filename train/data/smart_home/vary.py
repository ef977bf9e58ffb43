"""Other wordings for training sentences: what people say around and instead of the grammar's words.

General rules of English, none of them a template: the particle moves ("turn the fan on"), the place goes first, a verb
has synonyms, a request is wrapped ("I'd like you to …"). The call stays the same. Only training rows are varied.
"""

from __future__ import annotations

import re
from random import Random
from typing import Any

SHARE = 0.45
_PARTICLE_FIRST = re.compile(
    r"^(turn|switch|shut) (on|off|up|down) (?P<object>(?:the|my|our|all) .+?)(?P<rest> (?:to|by|in|on|at) .+)?$"
)
_PARTICLE_LAST = re.compile(
    r"^(turn|switch|shut) (?P<object>(?:the|my|our|all) .+?) (?P<particle>on|off|up|down)"
    r"(?P<rest> (?:to|by|in|on|at) .+)?$"
)
_PLACE = r"(?P<before>.+?) (?P<place>(?:in|on|at) (?:(?:the|my|our) )?%s)$"
_SYNONYMS = (
    (re.compile(r"^(?:turn|switch) on\b"), ("switch on", "turn on", "power on", "flip on")),
    (re.compile(r"^(?:turn|switch) off\b"), ("switch off", "turn off", "power off", "shut off")),
    (re.compile(r"^increase\b"), ("raise", "bump up", "boost", "increase")),
    (re.compile(r"^decrease\b"), ("lower", "reduce", "drop", "decrease")),
    (re.compile(r"^(?:set|change)\b"), ("adjust", "change", "set")),
    (
        re.compile(r"^what(?: is|'s) the (?:current )?temp(?:erature)?(?= (?:in|on) |$)"),
        ("how warm is it", "how hot is it", "tell me the temperature", "check the temperature"),
    ),
    (re.compile(r"^(?:what is|what's) the\b"), ("tell me the", "give me the", "can you tell me the", "check the")),
    (re.compile(r"^(?:is|are) the\b"), ("check if the", "can you check whether the", "tell me if the")),
    (re.compile(r"^(?:cancel|stop) (?=.*\btimer\b)"), ("cancel ", "stop ", "end ", "abort ", "kill ")),
    (re.compile(r"^(?:resume|continue|unpause) "), ("resume ", "continue ", "carry on with ", "unpause ")),
    (
        re.compile(r"^how (hot|cold|warm|cool) is it\b"),
        (r"tell me how \1 it is", r"check how \1 it is", r"how \1 does it get"),
    ),
    (re.compile(r"^are there any\b"), ("are any", "do we have any", "have we got any", "can you see any")),
    (
        re.compile(r"\b(?:everywhere|(?:in|of) (?:all (?:of )?)?the (?:entire |whole )?(?:house|home|apartment))$"),
        (
            "all over the house",
            "throughout the house",
            "all around the place",
            "in every part of the house",
        ),
    ),
    (re.compile(r"^(?:remove|delete) "), ("remove ", "delete ", "take ", "erase ")),
)
_IMPERATIVE = re.compile(
    r"(turn|switch|set|change|make|increase|decrease|adjust|put|open|close|shut|raise|lower|activate|deactivate|start|stop|run|"
    r"pause|resume|skip|play|mute|unmute|lock|unlock|press|push|vacuum|clean|return|dock|mow|add|check|complete|delete|remove|"
    r"cancel|power|reduce|bump|boost|drop|end|continue|tell|give|broadcast|announce)\b"
)
# "add milk to my list": the item is free text and ends at "to" before the last my/the or list.
_ADD_TO = re.compile(r"^add (?P<item>.+) to (?P<list>(?:my |the )?[^,]*?list|(?:my|the) .+)$")
_ADDED = (
    "write {item} down on {list}",
    "note {item} on {list}",
    "I need {item} on {list}",
    "stick {item} on {list}",
    "enter {item} in {list}",
    "get {item} onto {list}",
    "append {item} to {list}",
    "we are out of {item}, so it goes on {list}",
    "place {item} on {list}",
    "pop {item} on {list}",
    "throw {item} on {list}",
    "jot {item} down on {list}",
    "include {item} in {list}",
    "have {item} on {list}",
    "{item} should go on {list}",
    "{item} belongs on {list}",
    "{list} needs {item}",
    "let {item} be on {list}",
    "drop {item} into {list}",
    "slip {item} in {list}",
    "write {item} in {list}",
    "log {item} in {list}",
    "have {item} put down on {list}",
)
# "check milk off my list", and the other prepositions of the grammar
_TICK_OFF = re.compile(
    r"^(?:check|complete) (?:off )?(?P<item>.+?) (?:off|from|on|in) (?P<list>(?:my |the )?[^,]*?list|(?:my|the) .+)$"
)
_TICKED = (
    "tick {item} off {list}",
    "tick off {item} on {list}",
    "cross {item} off {list}",
    "cross off {item} from {list}",
    "mark {item} as done on {list}",
    "strike {item} from {list}",
    "I'm done with {item} on {list}",
    "{item} is done, check it off {list}",
)
# "play the album X": what it is may follow the title.
_PLAY = re.compile(
    r"^play (?:the )?(?P<kind>album|artist|song|track|movie|film|playlist|podcast|tv show|show|station|genre|series|"
    r"audiobook|book) (?P<title>.+?)(?P<rest> (?:on|in) (?:the |my |our )?[^,]+)?$"
)
_PLAYED = (
    "play the {title} {kind}{rest}",
    "put the {title} {kind} on{rest}",
    "I want to hear the {title} {kind}{rest}",
    "start the {kind} {title}{rest}",
    "let me have the {title} {kind}{rest}",
    "put on {title} {kind}{rest}",
    "put {title} {kind} on{rest}",
    "start {title} {kind}{rest}",
    "stream {title} {kind}{rest}",
    "stream the {kind} {title}{rest}",
    "I'd like {title} {kind}{rest}",
    "let me hear {title} {kind}{rest}",
    "queue {title} {kind}{rest}",
    "how about {title} {kind}{rest}",
    "begin with the {kind} {title}{rest}",
    "turn to the {title} {kind}{rest}",
)
# Which share takes another wording: much of what goes on a list or is played, the grammar has one wording for each.
_REWORDED = ((_ADD_TO, _ADDED, 0.7), (_TICK_OFF, _TICKED, 0.3), (_PLAY, _PLAYED, 0.7))
_ASKED = re.compile(r"^(?:is|are|which|what|how many|how|where) ")
_NOW = ("right now", "at the moment", "just now", "at present", "these minutes")
_ASKING = (
    "quick question, {}",
    "one question, {}",
    "tell me, {}",
    "hey, {}",
    "ok, {}",
    "let me know, {}",
    "I wonder, {}",
    "can you check, {}",
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
    "it would be great if you could {}",
    "when you get a chance, {}",
    "make sure to {}",
    "please go and {}",
    "I was wondering if you could {}",
    "do me a favor and {}",
    "quick, {}",
    "alright, {}",
    "listen, {}",
    "it's time to {}",
    "be so kind and {}",
    "kindly {}",
    "we'd better {}",
    "would you be able to {}",
    "is it possible to {}",
    "you may {}",
    "help me {}",
    "so, {}",
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
    text = _lists_and_titles(text, rng)
    draw = rng.random()
    if draw < 0.2:
        return _place_first(text, arguments)
    if draw < 0.55 and _IMPERATIVE.match(text):
        return rng.choice(FRAMES).format(text)
    if draw < 0.7 and not open_end and _IMPERATIVE.match(text):
        return f"{text} {rng.choice(_AFTER)}"
    if draw < 0.5 and _ASKED.match(text):
        return rng.choice(_ASKING).format(text)
    if draw < 0.75 and not open_end and _ASKED.match(text):
        return f"{text} {rng.choice(_NOW)}"
    return text


def _lists_and_titles(text: str, rng: Random) -> str:
    """What goes on a list, or is played by its kind and title, said another way."""
    for pattern, wordings, share in _REWORDED:
        found = pattern.match(text)
        if found and rng.random() < share:
            return rng.choice(wordings).format(**{key: value or "" for key, value in found.groupdict().items()})
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
