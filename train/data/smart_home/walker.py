"""Walks a parsed sentence template and returns one sentence with its slot values.

hassil's own sampler yields text only; a training row needs the call too. The walk draws every list
value once (`{area}` said twice is the same area), weights first alternatives, and keeps the pieces
apart so that the naturalness rules can look at the words around each value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hassil.expression import Alternative, Expression, ListReference, Permutation, RuleReference, Sequence, TextChunk

from train.data.smart_home.grammar import Template, first_heavier
from train.data.smart_home.names import Pool
from train.data.smart_home.sides import Side
from train.data.smart_home.values import Value, list_value, name_value

# Share of sentences with an optional part, by its first word; 0.5 for the others.
_OPTION_SHARE = {
    "<the>": 0.8,
    "the": 0.8,
    "a": 0.85,
    "floor": 0.0,
    "s": 0.5,
    "in": 0.85,
    "<in>": 0.9,
    "on": 0.85,
    "of": 0.85,
    "to": 0.8,
    "by": 0.85,
    "and": 0.8,
    "up": 0.08,
    "(": 0.3,
    "<all>": 0.35,
    "current": 0.2,
    "currently": 0.2,
    "right": 0.3,
    "securely": 0.05,
    "like": 0.5,
    "my": 0.8,
    "<set>": 0.85,
    "<numeric_value_set>": 0.88,
    "<turn>": 0.9,
    "everywhere": 0.12,
    "that": 0.6,
    "position": 0.15,
    "brightness": 0.3,
    "color": 0.25,
    "activate": 0.85,
    "scene": 0.35,
    "script": 0.3,
    "mower": 0.0,
    "button": 0.5,
    "list": 0.7,
    "shopping": 0.8,
    "<are>": 0.9,
    "%": 0.7,
    "°": 0.65,
    "(k": 0.5,
    "k": 0.6,
    "<here>": 0.5,
    "again": 0.3,
    "lawn": 0.5,
    "track": 0.7,
    "it": 0.9,
    "this": 0.4,
    "playing": 0.3,
    "today": 0.4,
    "speed": 0.6,
    "volume": 0.8,
    "mode": 0.7,
    "shopping list": 0.8,
}
_HYPHEN = [0.85, 0.15]  # "5 minute timer", "5-minute timer"
_SPACES = re.compile(r"\s+")
_IN_LIST = ("area", "floor", "zone")
_ONCE = (*_IN_LIST, "name", "media_class")


@dataclass
class Walk:
    """One sentence. `pieces`: text, or (slot, value) in the order they are said."""

    template: Template
    pieces: list[str | tuple[str, Value]] = field(default_factory=list)
    slots: dict[str, Any] = field(default_factory=dict)
    drawn: dict[str, Value] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return _SPACES.sub(" ", "".join(p if isinstance(p, str) else p[1].surface for p in self.pieces)).strip()

    @property
    def skeleton(self) -> str:
        """The sentence with its values replaced by slot names: equal skeletons are the same wording."""
        return _SPACES.sub(" ", "".join(p if isinstance(p, str) else f"{{{p[0]}}}" for p in self.pieces)).strip()

    @property
    def values(self) -> list[tuple[str, Value]]:
        return [piece for piece in self.pieces if not isinstance(piece, str)]


def walk(template: Template, rng: Random, pool: Pool, side: Side) -> Walk:
    """One random sentence of the template, with names and open values of `side`."""
    made = Walk(template, slots=dict(template.constants))
    _Walker(made, rng, pool, side).visit(template.expression)
    return made


@dataclass
class _Walker:
    made: Walk
    rng: Random
    pool: Pool
    side: Side

    def visit(self, node: Expression) -> None:
        if isinstance(node, TextChunk):
            self.made.pieces.append(node.original_text)
        elif isinstance(node, ListReference):
            self._value(node)
        elif isinstance(node, RuleReference):
            self._rule(node.rule_name)
        elif isinstance(node, Permutation):
            for item in self.rng.sample(node.items, len(node.items)):
                self.visit(item)
        elif isinstance(node, Alternative):
            self._alternative(node)
        elif isinstance(node, Sequence):
            for item in node.items:
                self.visit(item)
        else:
            raise TypeError(f"unknown template node {node!r} in {self.made.template.text!r}")

    def _alternative(self, node: Alternative) -> None:
        choices = node.items
        if node.is_optional:
            choices = [item for item in choices if not (isinstance(item, TextChunk) and item.is_empty)]
            if self.rng.random() >= _OPTION_SHARE.get(first_word(choices[0]), 0.5):
                return
        weights = _HYPHEN if said_as(choices[-1]) == "-" else first_heavier(len(choices))
        self.visit(self.rng.choices(choices, weights)[0])

    def _rule(self, name: str) -> None:
        rule = self.made.template.rules[name]
        choices, weights = rule.choices, list(rule.weights)
        if name == "in":
            wanted = self._preposition()
            weights = [
                w * (10.0 if said_as(choice) == wanted else 1.0) for choice, w in zip(choices, weights, strict=True)
            ]
        self.visit(self.rng.choices(choices, weights)[0])

    def _preposition(self) -> str:
        """The natural preposition of the place this sentence is about, drawn ahead of its words."""
        for name in _IN_LIST:
            if name in self.made.drawn:
                entry = self.made.drawn[name].entry
                return entry.preposition if entry else "in"
        for name in _IN_LIST:
            if f"{{{name}" in self.made.template.text or f"<{name}>" in self.made.template.text:
                return self._draw(name).entry.preposition  # type: ignore[union-attr]
        return "in"

    def _value(self, node: ListReference) -> None:
        if node.list_name not in _ONCE:
            self.made.drawn.pop(node.list_name, None)
        value = self._draw(node.list_name)
        self.made.pieces.append((node.slot_name, value))
        self.made.slots[node.slot_name] = value.out

    def _draw(self, name: str) -> Value:
        if name not in self.made.drawn:
            if name == "name":
                value = name_value(self.rng, self.pool, self.made.template.domains)
            else:
                media_class = self._media_class() if name == "search_query" else None
                value = list_value(
                    self.rng, self.pool, self.side, name, self.made.template.lists.get(name, {}), media_class
                )
            self.made.drawn[name] = value
        return self.made.drawn[name]

    def _media_class(self) -> str | None:
        return str(self._draw("media_class").out) if "{media_class}" in self.made.template.text else None


def said_as(node: Expression) -> str:
    """The words of an expression that is plain text; empty for anything else."""
    if isinstance(node, TextChunk):
        return node.original_text.strip()
    if isinstance(node, Sequence) and len(node.items) == 1:
        return said_as(node.items[0])
    return ""


def first_word(node: Expression) -> str:
    """First word, `<rule>` or symbol of an expression: names an optional part in _OPTION_SHARE."""
    if isinstance(node, TextChunk):
        return node.original_text.split()[0] if node.original_text.strip() else ""
    if isinstance(node, RuleReference):
        return f"<{node.rule_name}>"
    if isinstance(node, ListReference):
        return f"{{{node.list_name}}}"
    if isinstance(node, Sequence | Alternative | Permutation):
        for item in node.items:
            found = first_word(item)
            if found:
                return found
    return ""
