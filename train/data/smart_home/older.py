"""G2: sentences of a second grammar, written by other hands.

The older wheels of the same package hold another generation of English templates. Sentences are
sampled from them with the test names, their calls are rewritten to the newest schema, and those
the newest grammar recognises are thrown away: what is left is worded as no training template is.
"""

from __future__ import annotations

import json
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from hassil.expression import Expression, Group, ListReference, RuleReference
from hassil.intents import Intents, TextSlotList
from hassil.recognize import recognize

from train.data.smart_home.grammar import Rule, Template, templates
from train.data.smart_home.names import pool
from train.data.smart_home.sampler import Row, Sampler, exhausted, row, said
from train.data.smart_home.walker import Walk
from train.data.wheel import fetch_wheel

WHEELS = {
    "home-assistant-intents==2024.8.7": "7a2ae6b549e87f29f5ec99cf95b83cabaf9655dde7722312859cc78f9d85364d",
    "home-assistant-intents==2025.6.23": "7406f99a221e0df6f16a4e5dd8e2de4165b99e799d700ed926c3b8846cdd3b70",
    "home-assistant-intents==2025.12.2": "65c339dda36e5f8f49666142f8d53cc62c17909a2cfbaa71b33d162d321bbd2d",
}
_FILE = "home_assistant_intents/data/en.json"
_TRIES = 400
_BARREN = 10  # a template with so many known wordings, and none unknown, is drawn no more
_HERE = "‹here›"


def older_templates() -> list[Template]:
    """Templates of all older wheels that differ in text, rules left as their authors wrote them."""
    found: dict[str, Template] = {}
    for requirement, sha256 in WHEELS.items():
        with zipfile.ZipFile(fetch_wheel(requirement, sha256)) as wheel:
            data = json.loads(wheel.read(_FILE))
        for template in templates(data, natural=False):
            if not _ambiguous(template.text):
                found.setdefault(template.key, _narrowed(template))
    return list(found.values())


def _ambiguous(text: str) -> bool:
    """'X light': whether "light" belongs to the name can't be told."""
    return "light_devices" in text or "<name> <light>" in text


def _narrowed(template: Template) -> Template:
    """Climate templates of these wheels match any name; the name of a lamp makes no sense there."""
    climate = template.intent.startswith("HassClimate") and not template.domains
    return replace(template, domains=("climate",)) if climate else template


def older_rows(
    rng: Random, newest: list[Template], count: int, advance: Callable[[int], None] | None = None
) -> list[Row]:
    """`count` different sentences the newest grammar does not know, with calls in its schema.

    UserError: a wheel can't be fetched, or the older grammars hold fewer such sentences.
    """
    schema = Schema(newest)
    devices = pool("test").devices
    usable = [t for t in older_templates() if set(t.domains) <= set(devices) and schema.may_hold(t)]
    sampler, known = Sampler(usable, "test", rng), NewestGrammar()
    rows: list[Row] = []
    tried: Counter[str] = Counter()
    found: Counter[str] = Counter()
    seen: set[str] = set()  # no hash of roles here: what the newest grammar does not know, training can't hold
    for _ in range(_TRIES * count):
        if len(rows) == count:
            return rows
        made = sampler.sentence()
        call = schema.normalise(made)
        key = made.template.key
        tried[key] += 1
        if call is None or known.recognises(made, call[0]):
            if tried[key] == _BARREN and not found[key]:
                sampler.drop(made.template)
            continue
        found[key] += 1
        text = said(made, rng)
        if text.casefold() in seen:
            continue
        seen.add(text.casefold())
        rows.append(row(made, text, call))
        if advance is not None:
            advance(1)
    if len(rows) < count:
        raise exhausted("older grammars (G2)", count, len(rows))
    return rows


class Schema:
    """Which calls the newest grammar makes: intent × slots said → the constant slots that go with them."""

    def __init__(self, newest: list[Template]) -> None:
        self._constants: dict[tuple[str, frozenset[str]], list[dict[str, Any]]] = defaultdict(list)
        for template in newest:
            slots = frozenset(slot_names(template.expression, template.rules))
            known = self._constants[template.intent, slots]
            if dict(template.constants) not in known:
                known.append(dict(template.constants))
        self._intents = {template.intent for template in newest}

    def may_hold(self, template: Template) -> bool:
        """False for intents and device classes the newest schema does not have."""
        constants = dict(template.constants)
        return template.intent in self._intents and not (
            "device_class" in constants and constants.get("domain") not in (None, "cover")
        )

    def normalise(self, made: Walk) -> tuple[str, dict[str, Any]] | None:
        """(intent, arguments) in the newest schema; None if it can't say what the older call says."""
        intent = made.template.intent
        if intent == "HassListCompleteItem" and made.text.startswith(("delete", "remove")):
            intent = "HassListRemoveItem"  # the older grammars had one intent for both
        spoken = {slot: value.out for slot, value in made.values}
        older = {slot: value for slot, value in made.template.constants if (slot, value) != ("name", "all")}
        for slot in [slot for slot in older if slot in ("volume_step",)]:
            spoken[slot] = older.pop(slot)
        fitting = [c for c in self._constants.get((intent, frozenset(spoken)), []) if _fits(older, c, spoken)]
        return (intent, {**fitting[0], **spoken}) if len(fitting) == 1 else None


def _fits(older: dict[str, Any], newest: dict[str, Any], spoken: dict[str, Any]) -> bool:
    """Constants agree; a domain may only be dropped where a name says which device is meant."""
    if any(older[slot] != newest[slot] for slot in older.keys() & newest.keys()):
        return False
    dropped = older.keys() - newest.keys()
    return not dropped or (dropped == {"domain"} and "name" in spoken)


class NewestGrammar:
    """hassil's recogniser over the newest package, asked once per wording."""

    def __init__(self) -> None:
        from home_assistant_intents import get_intents

        data: dict[str, Any] = dict(get_intents("en") or {})
        self._all = Intents.from_dict(data)
        self._by_intent = {
            name: Intents.from_dict({**data, "intents": {name: body}}) for name, body in data["intents"].items()
        }
        self._known: dict[str, bool] = {}

    def recognises(self, made: Walk, intent: str) -> bool:
        """Whether any intent of the newest grammar matches (the likely one is asked first: it is faster)."""
        if made.skeleton not in self._known:
            self._known[made.skeleton] = any(
                _matches(made, intents) for intents in (self._by_intent[intent], self._all)
            )
        return self._known[made.skeleton]


def _matches(made: Walk, intents: Intents) -> bool:
    named = [(value.surface, value.out, {"domain": value.domain}) for _, value in made.values if value.domain]
    lists: dict[str, Any] = {"name": TextSlotList.from_tuples(named, allow_template=False, name="name")}
    for place in ("area", "floor"):
        lists[place] = TextSlotList.from_strings(
            [v.surface for slot, v in made.values if slot == place], allow_template=False
        )
    return recognize(made.text, intents, slot_lists=lists, intent_context={"area": _HERE}, language="en") is not None


def slot_names(expression: Expression, rules: dict[str, Rule]) -> set[str]:
    """Slots an expression can fill, through its rules."""
    if isinstance(expression, ListReference):
        return {expression.slot_name}
    if isinstance(expression, RuleReference):
        return set().union(*(slot_names(choice, rules) for choice in rules[expression.rule_name].choices))
    if isinstance(expression, Group):
        return set().union(*(slot_names(item, rules) for item in expression.items))
    return set()
