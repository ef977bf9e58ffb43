"""Values for the lists of a template: what is said ("twenty five") and what the call holds (25)."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any, NamedTuple

from hassil.parse_expression import parse_sentence

from train.data.smart_home.names import Entry, Pool
from train.data.smart_home.open_values import open_value
from train.data.smart_home.sides import Side


class Value(NamedTuple):
    """`surface`: words in the sentence; `out`: value in the call; `entry`: the name it came from, if any;
    `wildcard`: the grammar matches any text here (no polite suffix may follow)."""

    surface: str
    out: Any
    entry: Entry | None = None
    wildcard: bool = False
    domain: str = ""


# Kinds of device a user names most.
_DOMAIN_WEIGHT = {
    "light": 8.0,
    "switch": 4.0,
    "cover": 4.0,
    "fan": 3.0,
    "media_player": 3.0,
    "climate": 2.5,
    "lock": 2.5,
    "sensor": 8.0,
}
_HALVES = 0.1
_WORDS = 0.25


def name_value(rng: Random, pool: Pool, domains: tuple[str, ...]) -> Value:
    """A device of one of the domains (any nameable one where the block asks for none)."""
    wanted = domains or ("light", "switch", "fan", "media_player")
    domain = rng.choices(wanted, [_DOMAIN_WEIGHT.get(name, 1.0) for name in wanted])[0]
    entry = pool.devices[domain].draw(rng)
    return Value(entry.text, entry.text, entry, domain=domain)


def list_value(rng: Random, pool: Pool, side: Side, name: str, spec: dict[str, Any], media_class: str | None) -> Value:
    """A value of a list that is no name of a device."""
    if name in ("area", "floor", "zone"):
        entry = {"area": pool.areas, "floor": pool.floors, "zone": pool.zones}[name].draw(rng)
        return Value(entry.text, entry.text, entry, wildcard=name == "zone")
    if spec.get("wildcard"):
        text = open_value(rng, side, name, media_class)
        return Value(text, text, wildcard=True)
    if "range" in spec:
        return _range_value(rng, name, spec["range"])
    return _text_value(rng, spec["values"])


def _text_value(rng: Random, values: list[Any]) -> Value:
    chosen = rng.choice(values)
    if isinstance(chosen, str):
        return Value(chosen, chosen)
    surfaces = _surfaces(chosen["in"])
    return Value(surfaces[min(int(rng.expovariate(1.5)), len(surfaces) - 1)], chosen["out"])


@cache
def _surfaces(template: str) -> tuple[str, ...]:
    """Wordings of a list value such as '(closed|shut)' or 'awning[s]', in the grammar's order."""
    from hassil.sample import sample_expression

    found = (" ".join(text.split()) for text in sample_expression(parse_sentence(template).expression))
    return tuple(dict.fromkeys(found))


def _range_value(rng: Random, name: str, spec: dict[str, Any]) -> Value:
    low, high, step = int(spec["from"]), int(spec["to"]), int(spec.get("step", 1))
    number: int | float = _natural_number(rng, name, low, high, step)
    if not low <= number <= high:
        number = rng.randrange(low, high + 1, step)
    if spec.get("fractions") == "halves" and number < high and rng.random() < _HALVES:
        number += 0.5
    said = number_words(number) if rng.random() < _WORDS and step == 1 else str(number)
    return Value(said, number * int(spec.get("multiplier", 1)))


def _natural_number(rng: Random, name: str, low: int, high: int, step: int) -> int:
    """Round numbers are said most; every number of the range can occur."""
    draw = rng.random()
    if draw < (0.02 if name.startswith("timer") else 0.1):
        return rng.randrange(low, high + 1, step)
    if name == "temperature":
        return rng.randint(16, 28) if draw < 0.6 else rng.randint(60, 80)
    if name == "color_temperature":
        return rng.randrange(2000, 6600, 100) if draw < 0.6 else rng.randrange(2000, 6501, 500)
    if name == "timer_hours":
        return rng.randint(1, 4) if draw < 0.7 else rng.randint(1, 12)
    if name == "timer_minutes":
        return rng.choice((1, 2, 3, 5, 10, 15, 20, 25, 30, 40, 45, 50)) if draw < 0.6 else rng.randint(1, 59)
    if name == "timer_seconds":
        return rng.choice((5, 10, 15, 20, 30, 40, 45, 50)) if draw < 0.7 else rng.randint(5, 90)
    if name.startswith("volume_step"):
        return rng.choice((5, 10, 15, 20, 25, 30, 40, 50))
    return (
        rng.randrange(10, 101, 10) if draw < 0.45 else rng.randrange(5, 101, 5) if draw < 0.75 else rng.randint(1, 100)
    )


@cache
def number_words(number: int | float) -> str:
    """'twenty one' for 21 (no hyphen, as a speech recogniser writes it); halves as 'twenty point five'."""
    from hassil.numbers import get_rbnf_engine  # keeps the engine: loading its rules takes 10 ms

    text = str(get_rbnf_engine("en").format_number(number).text)
    return text.replace("-", " ")
