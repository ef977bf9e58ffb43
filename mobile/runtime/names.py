"""Names as people say them against the names of a home: how alike they are, and which one is meant.

Whole numbers only, so that every language finds the same: "Names" in mobile/contract/README.md is the definition.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

ACCEPT, SUGGEST, SUGGESTIONS = 85, 50, 3  # percent, percent, how many; "living room" and "dining room" are 81 alike


def key(text: str) -> str:
    """A name without case, accents, punctuation and superfluous spaces."""
    letters = []
    for letter in unicodedata.normalize("NFD", text):
        category = unicodedata.category(letter)
        if category != "Mn":
            letters.append(letter.lower() if category[0] in "LNM" else " ")
    return " ".join(word for word in "".join(letters).split(" ") if word)


def distance(a: str, b: str) -> int:
    """Optimal string alignment: a letter put in, left out or replaced, or two neighbours swapped, cost 1 each.

    Also called restricted Damerau-Levenshtein distance: no part is edited twice.
    """
    earlier: list[int] = []
    above = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        row = [i]
        for j, other in enumerate(b, start=1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        earlier, above = above, row
    return above[-1]


def percent(a: str, b: str) -> int:
    """How alike two keys are, 0 to 100; 0 where one is empty."""
    longer = max(len(a), len(b))
    return 100 * (longer - distance(a, b)) // longer if a and b else 0


@dataclass(frozen=True)
class Entry:
    """A thing of the home: its name, and the keys of the name and of its aliases."""

    name: str
    keys: tuple[str, ...]

    def percent(self, said: str) -> int:
        """Best of its names; 0 where the lengths alone are too far apart to be suggested."""
        return max((percent(said, own) for own in self.keys if _may_be_alike(said, own)), default=0)


@dataclass(frozen=True)
class Found:
    """What a name stands for: `name`, or where that is unclear suggestions (none: nothing is similar)."""

    name: str | None
    suggestions: tuple[str, ...] = ()


def find(said: str, entries: Sequence[Entry]) -> Found:
    """The entry that is meant by `said`."""
    wanted = key(said)
    same = [entry.name for entry in entries if wanted and wanted in entry.keys]
    if same:
        return Found(same[0]) if len(same) == 1 else Found(None, tuple(same[:SUGGESTIONS]))
    ranked = sorted(((entry.percent(wanted), entry) for entry in entries), key=lambda pair: -pair[0])
    if ranked and ranked[0][0] >= ACCEPT and all(other < ranked[0][0] for other, _ in ranked[1:]):
        best = ranked[0][1]
        if _digits(max(best.keys, key=lambda own: percent(wanted, own))) == _digits(wanted):
            return Found(best.name)
    return Found(None, tuple(entry.name for share, entry in ranked if share >= SUGGEST)[:SUGGESTIONS])


def _may_be_alike(a: str, b: str) -> bool:
    """The distance is at least the difference of the lengths: saves the table for a text of thousands of letters."""
    return 100 * min(len(a), len(b)) // max(len(a), len(b), 1) >= SUGGEST


def _digits(text: str) -> str:
    return "".join(letter for letter in text if unicodedata.category(letter) == "Nd")
