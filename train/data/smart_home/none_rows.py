"""Rows of the class "no function applies": the call has no name and no arguments."""

from __future__ import annotations

import re
from collections import Counter
from itertools import accumulate
from random import Random

from train.data.smart_home import near_misses
from train.data.smart_home.fresh_words import fresh_word
from train.data.smart_home.freshen import SHARE as FRESH_SHARE
from train.data.smart_home.none_wordings import FILLERS, wordings
from train.data.smart_home.other_requests import other_requests
from train.data.smart_home.sampler import Row, canonical_call, exhausted
from train.data.smart_home.sides import Side
from train.data.smart_home.splits import Role, role
from train.data.smart_home.vary import FRAMES

CATEGORY = "none"
_TRIES = 60
_FRAMED = 0.12
_NAMES = 60  # different names a slot of near_misses.py counts as
_MOST_VARIETY = 600.0  # above it, wordings of two or three slots would crowd out the others
_OTHER_SHARE = 0.22  # of augmented rows: requests of real users to other assistants instead of a wording
_SLOT = re.compile(r"\{(\w+)\}")
_QUESTION = re.compile(
    r"(what|which|how|is|are|where|when|who|why|do|does|did|can|could|would|will|was|were|should|am|have|any)\b",
    re.IGNORECASE,
)
_PREFIXES = ("please", "can you", "could you", "hey,", "ok,")
_ASKED = re.compile(
    r"(tell|explain|give|translate|call|text|send|read|reply|navigate|book|order|get|find|plan|remind|schedule|write|draw|take|"
    r"open|play|teach|show|buy|print|describe|define|compare|phone|message|make|purchase|add up|compose|sketch|wake) "
)
_NO_PREFIX = re.compile(r"(open your|play (fair|it safe)|make me laugh|get up)")


def none_rows(
    rng: Random, side: Side, count: int, wanted_role: Role | None, copies: int, augment: bool = False
) -> list[Row]:
    """`count` rows from the wordings of `side`; a sentence occurs at most `copies` times.

    `wanted_role` None takes any sentence: the test wordings need no hash, training never has them.
    `augment` (training): fresh words and the frames of vary.py, so that neither gives a call away, and requests of
    real users to other assistants: with the wordings alone a student that was right on 99 % of val called a function
    for 28 % of the test wordings.
    UserError: `count` is more than the wordings can fill.

    A wording is drawn in proportion to the square root of what its slots can hold, so that plain
    wordings stay present without filling the set with copies.
    """
    texts = wordings(side)
    weights = list(accumulate(min(_variety(text, side), _MOST_VARIETY) ** 0.5 for text in texts))
    rows: list[Row] = []
    seen: Counter[str] = Counter()
    for _ in range(_TRIES * count):
        if len(rows) == count:
            return rows
        if augment and rng.random() < _OTHER_SHARE:
            text = _said(rng.choice(other_requests()), rng)
            wording = text
        else:
            wording = rng.choices(texts, cum_weights=weights)[0]
            text = _dress(_fill(wording, rng, side, augment), rng, _FRAMED if augment else 0.0)
        key = text.casefold()
        if (wanted_role is not None and role(key) != wanted_role) or seen[key] >= copies:
            continue
        seen[key] += 1
        rows.append(_row(text, wording))
    if len(rows) < count:
        raise exhausted(f"'no function' wordings of the {side} side", count, len(rows))
    return rows


def _row(text: str, wording: str) -> Row:
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": canonical_call(None, {})}]
    return {"messages": messages, "category": CATEGORY, "template": wording}


def _variety(wording: str, side: Side) -> float:
    total = 1.0
    for slot in _SLOT.findall(wording):
        total *= len(_fillers(slot, side)) or _NAMES
    return total


def _fillers(slot: str, side: Side) -> list[str]:
    """The words of a slot; none for a slot that takes names."""
    return FILLERS[slot][side] if slot in FILLERS else near_misses.FILLERS.get(slot, [])


def _fill(wording: str, rng: Random, side: Side, augment: bool) -> str:
    def filler(match: re.Match[str]) -> str:
        named = near_misses.name(match[1], rng)
        chosen = named or rng.choice(_fillers(match[1], side))
        first, *rest = chosen.split()
        if not augment or match[1] in near_misses.FIXED or rng.random() >= FRESH_SHARE:
            return chosen
        if named is not None:  # its last word tells its kind, as in commands
            return " ".join([fresh_word(rng), *rest]) if rest else chosen
        return " ".join([*[first, *rest][:-1], fresh_word(rng)]) if chosen.split()[-1].isalpha() else chosen

    text = _SLOT.sub(filler, wording)
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)


def _said(text: str, rng: Random) -> str:
    """Half of these requests as people speak to a device: lower case, no full stop."""
    return text.rstrip(".?! ").lower() if rng.random() < 0.5 else text


def _dress(text: str, rng: Random, framed: float) -> str:
    """Case, politeness and punctuation vary as in the rows that have a call."""
    if rng.random() < framed and _ASKED.match(text) and not _NO_PREFIX.match(text):
        return rng.choice(FRAMES).format(text)
    if rng.random() < 0.12 and _ASKED.match(text) and not _NO_PREFIX.match(text):
        text = f"{rng.choice(_PREFIXES)} {text}"
    draw = rng.random()
    if draw < 0.3:
        text = text[0].upper() + text[1:]
        if draw < 0.18:
            text += "?" if _QUESTION.match(text) else "."
    return text
