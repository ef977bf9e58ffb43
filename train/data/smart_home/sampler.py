"""Draws rows: intent → slot combination → template → natural sentence → chat row."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from random import Random
from typing import Any

from train.data.smart_home.frames import SHARE as FRAMED_SHARE
from train.data.smart_home.frames import framed
from train.data.smart_home.freshen import freshen
from train.data.smart_home.grammar import Template
from train.data.smart_home.names import Pool, pool
from train.data.smart_home.naturalness import natural
from train.data.smart_home.sides import Side
from train.data.smart_home.splits import Role, role
from train.data.smart_home.vary import SHARE as VARIED_SHARE
from train.data.smart_home.vary import vary
from train.data.smart_home.walker import Walk, walk
from train.errors import UserError

Row = dict[str, Any]
_TRIES = 60

# Relative frequency of intents beyond the square root of their number of slot combinations.
_INTENT_SHARE = {
    "HassTurnOn": 2.2,
    "HassTurnOff": 2.2,
    "HassLightSet": 1.4,
    "HassGetState": 1.3,
    "HassStartTimer": 1.2,
    "HassNevermind": 0.3,
    "HassGetCurrentDate": 0.4,
    "HassGetCurrentTime": 0.4,
    "HassIncreaseTimer": 0.6,
    "HassDecreaseTimer": 0.6,
    "HassMediaSearchAndPlay": 1.2,
    "HassLawnMowerDock": 0.6,
    "HassLawnMowerStartMowing": 0.6,
    "HassCancelAllTimers": 0.6,
}
_MANY_COMBINATIONS = 9
_PREFIXES = ("please", "can you", "could you", "please", "can you please", "would you")
_SUFFIXES = ("please", "please", "please", "for me")
_COMMAND = re.compile(
    r"(turn|switch|set|change|make|increase|decrease|adjust|put|open|close|shut|raise|lower|lift|activate|deactivate|start|stop|run|"
    r"pause|resume|skip|play|replay|mute|unmute|lock|unlock|press|push|vacuum|clean|return|dock|mow|add|check|complete|delete|remove|"
    r"cancel|take|create|broadcast|announce|get|tell me|light up|illuminate)\b"
)
_QUESTION = re.compile(r"(what|which|how|is|are|where|who|do you|can|could|would)\b")


class Sampler:
    """Natural sentences of a set of templates, with the names of one side.

    `augment` (training): fresh words in the names and other wordings; see freshen.py and vary.py.
    """

    def __init__(self, templates: list[Template], side: Side, rng: Random, augment: bool = False) -> None:
        self.side: Side = side
        self.augment = augment
        self.rng = rng
        self.pool: Pool = pool(side)
        self._tree: dict[str, dict[str, dict[str, list[Template]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(list))
        )
        for template in templates:
            self._tree[template.intent][template.combination][template.text].append(template)
        self._intents: list[str] = []
        self._weights: list[float] = []
        self._weigh()

    def _weigh(self) -> None:
        self._intents = sorted(self._tree)
        self._weights = [
            _INTENT_SHARE.get(name, 1.0) * min(len(self._tree[name]), _MANY_COMBINATIONS) ** 0.5
            for name in self._intents
        ]

    def drop(self, template: Template) -> None:
        """Draws no more sentences from this template."""
        by_combination = self._tree[template.intent]
        by_text = by_combination[template.combination]
        by_text[template.text].remove(template)
        if not by_text[template.text]:
            del by_text[template.text]
        if not by_text:
            del by_combination[template.combination]
        if not by_combination:
            del self._tree[template.intent]
        self._weigh()

    def template(self) -> Template:
        """Intent by weight, fewer slots more often, then any of its templates."""
        by_combination = self._tree[self.rng.choices(self._intents, self._weights)[0]]
        names = sorted(by_combination)
        chosen = by_combination[self.rng.choices(names, [1.0 / (1 + name.count("_")) for name in names])[0]]
        return self.rng.choice(chosen[self.rng.choice(sorted(chosen))])

    def sentence(self, wanted: Callable[[Walk], bool] = natural) -> Walk:
        """One natural sentence."""
        while True:
            template = self.template()
            for _ in range(_TRIES):
                made = walk(template, self.rng, self.pool, self.side)
                if wanted(made):
                    if self.augment:
                        freshen(made, self.rng)
                    return made


def sample_rows(
    sampler: Sampler, count: int, wanted_role: Role, copies: int, advance: Callable[[int], None] | None = None
) -> list[Row]:
    """`count` rows whose sentences have the wanted role; a sentence occurs at most `copies` times."""
    rows: list[Row] = []
    seen: Counter[str] = Counter()
    for _ in range(_TRIES * count):
        if len(rows) == count:
            return rows
        made = sampler.sentence()
        text = said(made, sampler.rng, sampler.augment)
        key = text.casefold()
        if role(key) != wanted_role or seen[key] >= copies:
            continue
        seen[key] += 1
        rows.append(row(made, text))
        if advance is not None:
            advance(1)
    if len(rows) < count:
        raise exhausted(f"templates for the {wanted_role} split", count, len(rows))
    return rows


def exhausted(what: str, wanted: int, made: int) -> UserError:
    """The error for a split larger than its templates can fill with different sentences."""
    return UserError(
        f"the smart-home data set has no {wanted:,} different sentences: the {what} gave {made:,}. "
        "Lower data.train_rows, data.validation_rows or data.test_rows"
    )


def said(made: Walk, rng: Random, augment: bool = False) -> str:
    """The sentence as typed or spoken: sometimes polite, sometimes with a capital and a full stop.

    Nothing polite goes beside a wildcard: the grammar would take it for part of the value.
    """
    text, pieces = made.text, [p for p in made.pieces if not isinstance(p, str) or p.strip()]
    first, last = pieces[0], pieces[-1]
    whole = framed(made, rng) if augment and rng.random() < FRAMED_SHARE else None
    if whole is not None:
        text = whole
    elif augment and rng.random() < VARIED_SHARE:
        open_end = not isinstance(last, str) and last[1].wildcard
        copied = [value.surface for _, value in made.values if value.entry is not None or value.wildcard]
        text = vary(text, made.slots, copied, open_end, rng)
    draw = rng.random()
    if _COMMAND.match(text):
        starts_open = not isinstance(first, str) and first[1].wildcard
        if draw < 0.1 and not starts_open and not (text.startswith("tell") and draw > 0.02):
            text = f"{rng.choice(_PREFIXES)} {text}"
        elif draw < 0.16 and (isinstance(last, str) or not last[1].wildcard):
            text = f"{text} {rng.choice(_SUFFIXES[:3] if text.startswith('tell') else _SUFFIXES)}"
    if rng.random() < 0.2 and isinstance(first, str):
        text = text[0].upper() + text[1:]
        if rng.random() < 0.6 and (isinstance(last, str) or not last[1].wildcard):
            text += "?" if _QUESTION.match(text.lower()) else "."
    return text


def row(made: Walk, text: str, call: tuple[str, dict[str, Any]] | None = None) -> Row:
    """A chat row without its id. `call`: (name, arguments) where they are not the walk's own."""
    name, arguments = call or (made.template.intent, made.slots)
    open_slots = {slot: value.out for slot, value in made.values if value.entry is not None or value.wildcard}
    made_row: Row = {
        "messages": [
            {"role": "user", "content": text},
            {"role": "assistant", "content": canonical_call(name, arguments)},
        ],
        "category": name,
        "template": made.template.text,
    }
    if open_slots:
        made_row["open"] = open_slots
    return made_row


def canonical_call(name: str | None, arguments: dict[str, Any]) -> str:
    """The call as JSON without spaces: name first, arguments sorted by key."""
    call = {"name": name, "arguments": dict(sorted(arguments.items()))}
    return json.dumps(call, ensure_ascii=False, separators=(",", ":"))
