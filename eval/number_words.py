"""Numbers in a sentence, as digits or English words: the linear baseline can classify words, it can't count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SMALL = {word: value for value, word in enumerate(_UNITS)} | {word: 20 + 10 * i for i, word in enumerate(_TENS)}
_DIGITS = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Number:
    """Words `start` to `end` (exclusive) of a sentence say `value`."""

    start: int
    end: int
    value: int | float


def numbers(words: Sequence[str]) -> list[Number]:
    """Numbers of a sentence given as lower-case words, from left to right, longest first.

    Example:
        numbers(["set", "to", "one", "hundred", "and", "five"])  # [Number(2, 6, 105)]
    """
    found: list[Number] = []
    place = 0
    while place < len(words):
        number = _at(words, place)
        if number is None:
            place += 1
        else:
            found.append(number)
            place = number.end
    return found


def _at(words: Sequence[str], start: int) -> Number | None:
    word = words[start]
    if _DIGITS.fullmatch(word):
        return Number(start, start + 1, float(word) if "." in word else int(word))
    if word == "a" and words[start + 1 : start + 2] == ["hundred"]:
        value, end = 1, start + 1
    elif (below := _below_hundred(words, start)) is not None:
        value, end = below
    else:
        return None
    if words[end : end + 1] == ["hundred"]:
        value, end = 100 * value, end + 1
        rest = _below_hundred(words, end + 1 if words[end : end + 1] == ["and"] else end)
        if rest is not None:
            value, end = value + rest[0], rest[1]
    return Number(start, end, value)


def _below_hundred(words: Sequence[str], start: int) -> tuple[int, int] | None:
    """Value and end of a number from 0 to 99 at `start`."""
    if start >= len(words) or words[start] not in SMALL:
        return None
    value, end = SMALL[words[start]], start + 1
    if value >= 20 and end < len(words) and 0 < SMALL.get(words[end], 0) < 10:
        return value + SMALL[words[end]], end + 1
    return value, end
