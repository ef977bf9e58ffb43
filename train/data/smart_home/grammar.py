"""The intent grammar of `home-assistant-intents`: blocks of sentence templates, parsed by hassil.

A block is what shares an intent, a slot combination, constant slots and a context. Only the newest
package is imported; the older wheels come as JSON (older.py) and are read by the same code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hassil.expression import Alternative, Expression, Group, ListReference, RuleReference
from hassil.parse_expression import parse_sentence

CHIT_CHAT = "HassRespond"

# Templates whose label can't be told from the sentence. "{name} light": whether "light" belongs to
# the name depends on what the user called the lamp. A bare "[the] {name}": nobody says it.
AMBIGUOUS = ("{name} <light>", "[<the>] {name}")


@dataclass(frozen=True)
class Rule:
    """An expansion rule as weighted alternatives."""

    choices: tuple[Expression, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, eq=False)  # compared by identity: expressions refer to their parents
class Template:
    """One sentence template of a block."""

    intent: str
    text: str
    expression: Expression
    constants: tuple[tuple[str, Any], ...]
    combination: str
    domains: tuple[str, ...]
    rules: dict[str, Rule]
    lists: dict[str, dict[str, Any]]

    @property
    def group(self) -> str:
        """Intent × slot combination × constant slots: what a split must leave a training template for."""
        return f"{self.intent}/{self.combination}/{json.dumps(dict(self.constants), sort_keys=True)}"

    @property
    def key(self) -> str:
        return f"{self.group}/{','.join(self.domains)}/{self.text}"


# Wordings of the shared rules that people use, with their shares; each is a sub-language of the
# package's own rule (so hassil still recognises every sentence). Uniform sampling of the original
# rules gave "bring the lamp off" and "all of our entire flat".
NATURAL_RULES: dict[str, dict[str, float]] = {
    "the": {"the": 0.82, "my": 0.14, "our": 0.04},
    "turn": {"turn": 0.75, "switch": 0.25},
    "set": {"set": 0.65, "change": 0.2, "turn": 0.1, "make": 0.05},
    "numeric_value_set": {
        "set": 0.64,
        "change": 0.14,
        "turn": 0.06,
        "turn up": 0.04,
        "turn down": 0.04,
        "increase": 0.04,
        "decrease": 0.02,
        "make": 0.02,
    },
    "open": {"open": 0.8, "raise": 0.1, "open up": 0.07, "lift": 0.03},
    "close": {"close": 0.68, "shut": 0.2, "lower": 0.1, "close up": 0.02},
    "light": {"lights": 0.66, "light": 0.2, "lamps": 0.06, "lamp": 0.05, "lighting": 0.03},
    "all": {"all the": 0.48, "all": 0.2, "all of the": 0.14, "all my": 0.08, "every": 0.07, "every single": 0.03},
    "everywhere": {
        "everywhere": 0.3,
        "in the house": 0.12,
        "in the whole house": 0.12,
        "in the entire house": 0.08,
        "in the apartment": 0.08,
        "throughout the house": 0.08,
        "in every room": 0.1,
        "in all the rooms": 0.06,
        "all over the house": 0.06,
        "in my apartment": 0.05,
        "across the whole house": 0.03,
    },
    "here": {
        "in here": 0.45,
        "here": 0.15,
        "in this room": 0.25,
        "in the room": 0.08,
        "in this area": 0.03,
        "in this space": 0.04,
    },
    "is": {"is": 0.5, "are": 0.5},
    "are_any": {
        "are any": 0.45,
        "are there any": 0.2,
        "any": 0.15,
        "are any of the": 0.12,
        "are any of my": 0.03,
        "are some of the": 0.05,
    },
    "are_all": {"are all the": 0.55, "are all": 0.2, "are all of the": 0.15, "are all my": 0.1},
    "which": {"which": 0.6, "what": 0.2, "which of the": 0.14, "which of my": 0.06},
    "how_many": {"how many": 0.8, "how many of the": 0.16, "how many of my": 0.04},
    "what_is": {"what's": 0.4, "what is": 0.36, "tell me": 0.18, "whats": 0.06},
    "how_is": {"how's": 0.5, "how is": 0.44, "hows": 0.06},
    "where_is": {"where is": 0.5, "where's": 0.42, "wheres": 0.08},
    "temp": {"temperature": 0.8, "temp": 0.2},
    "track": {"song": 0.5, "track": 0.45, "item": 0.05},
    "media": {
        "music": 0.4,
        "song": 0.15,
        "movie": 0.12,
        "show": 0.08,
        "tv show": 0.08,
        "media player": 0.07,
        "track": 0.1,
    },
    "lockable": {"doors": 0.4, "locks": 0.2, "windows": 0.15, "gates": 0.1, "garage doors": 0.07, "door": 0.08},
    "timer_set": {"set": 0.7, "start": 0.2, "create": 0.1},
    "timer_cancel": {"cancel": 0.65, "stop": 0.35},
}


def load_newest() -> list[Template]:
    """All templates of the installed package, without chit-chat and without ambiguous ones."""
    return list(_newest())


@cache
def _newest() -> tuple[Template, ...]:
    from home_assistant_intents import get_intents

    data = get_intents("en")
    if data is None:
        raise RuntimeError("home_assistant_intents has no English data; the installed package is broken")
    return tuple(templates(dict(data), natural=True))


def templates(data: dict[str, Any], natural: bool) -> Iterator[Template]:
    """Templates of an intents JSON. `natural`: shared rules use the wordings of NATURAL_RULES."""
    shared = {
        name: _rule(text, (natural and NATURAL_RULES.get(name)) or None)
        for name, text in data["expansion_rules"].items()
    }
    for intent, body in data["intents"].items():
        if intent == CHIT_CHAT:
            continue
        for block in body["data"]:
            local = {name: _rule(text, None) for name, text in block.get("expansion_rules", {}).items()}
            rules = {**shared, **local}
            for text in dict.fromkeys(block["sentences"]):
                if natural and _ambiguous(text):
                    continue
                yield Template(
                    intent=intent,
                    text=text,
                    expression=parse_sentence(text).expression,
                    constants=tuple(sorted(block.get("slots", {}).items())),
                    combination=block.get("metadata", {}).get("slot_combination", ""),
                    domains=_domains(block),
                    rules=rules,
                    lists=data["lists"],
                )


def list_names(expression: Expression, rules: dict[str, Rule]) -> Iterator[str]:
    """Names of the lists an expression may use, through its rules."""
    if isinstance(expression, ListReference):
        yield expression.list_name
    elif isinstance(expression, Group):
        for item in expression.items:
            yield from list_names(item, rules)
    elif isinstance(expression, RuleReference):
        for choice in rules[expression.rule_name].choices:
            yield from list_names(choice, rules)


def _ambiguous(text: str) -> bool:
    return text == AMBIGUOUS[1] or AMBIGUOUS[0] in text


def _domains(block: dict[str, Any]) -> tuple[str, ...]:
    wanted = block.get("requires_context", {}).get("domain", [])
    return (wanted,) if isinstance(wanted, str) else tuple(wanted)


def _rule(text: str, weighted: dict[str, float] | None) -> Rule:
    if weighted is not None:
        return Rule(tuple(parse_sentence(wording).expression for wording in weighted), tuple(weighted.values()))
    expression = parse_sentence(text).expression
    choices = list(flat_alternatives(expression))
    return Rule(tuple(choices), tuple(first_heavier(len(choices))))


def flat_alternatives(expression: Expression) -> Iterator[Expression]:
    """Alternatives at the top of an expression; the expression itself if there are none."""
    if isinstance(expression, Group) and len(expression.items) == 1 and not isinstance(expression, Alternative):
        yield from flat_alternatives(expression.items[0])
    elif isinstance(expression, Alternative) and not expression.is_optional:
        yield from expression.items
    else:
        yield expression


def first_heavier(count: int) -> list[float]:
    """Weights 1, 1/2, 1/3 …: the grammar lists the common wording first."""
    return [1.0 / (rank + 1) for rank in range(count)]
