"""Gives the names of a training sentence words that were never seen, so that copying is the only way to be right.

Works on an accepted walk: the last word of a name mostly stays ("zorvel lamp"), so grammar, number and kind stay as
they were; titles, items and scene names may change altogether. A room may lose it, too, where nothing but a place can
stand ("in the zorvel", "the zorvel music"), and so may what is turned on or off by its name. Only training rows are
freshened.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from train.data.smart_home.fresh_words import KINDS, fresh_word, invented_word, words_of_kinds, words_of_the_tests
from train.data.smart_home.sides import words
from train.data.smart_home.values import Value
from train.data.smart_home.walker import Walk

SHARE = 0.65
_PLACE_SHARE = 0.55  # of rooms and floors: which real words are places has to be learnt as well
_BARE_SHARE = 0.35  # of freshened rooms that may lose their last word
_BARE_DEVICES = 0.15  # of freshened devices that may
_SWITCHED = ("HassTurnOn", "HassTurnOff")
_STOREYS = (" floor", " level", " storey")
_STAIRS_SHARE = 0.5  # of "upstairs": it was said for any other word that stands without an article
_ALIKE_SHARE = 0.14  # of kept kinds: a word that looks like a frequent one, which was said in its place
_STARTS = words("b, br, c, cl, d, dr, f, fl, g, gr, h, j, k, l, m, n, p, pl, r, s, sl, st, t, tr, v, w, z")
_VOWELS = words("a, e, i, o, u, ea, oo, ou")
_SPLIT = re.compile(r"([b-df-hj-np-tv-z]{0,3})([aeiou]{1,2})([a-z]{2,})")
_FREE_DOMAINS = frozenset({"scene", "script", "button", "input_button", "todo"})
# Before and behind these a bare word is a place: names of devices end in their kind ("retro speaker volume").
_BEFORE_PLACES = frozenset(words("in, on, at"))
_BEHIND_PLACES = frozenset(words("music, volume, temperature, temp, media, song, track, show, shows, movie, tv, item"))
# Words that carry the grammar of an open value; "by" parts title and artist.
_KEPT = frozenset(
    words(
        """the, a, an, of, and, by, some, my, is, are, has, have, to, at, for, with, about, i, we, it, you, in, on, off,
        up, down"""
    )
)
_WHOLE_SHARE = 0.35  # of open values that change every word; in the others each word has an even chance


def freshen(made: Walk, rng: Random) -> None:
    """Renames the walk's open values in place, each with probability SHARE. A value said twice stays one value."""
    renamed: dict[str, str] = {}
    for index, piece in enumerate(made.pieces):
        if isinstance(piece, str):
            continue
        slot, value = piece
        if value.entry is None and not value.wildcard:
            continue
        if value.surface not in renamed:
            share = _PLACE_SHARE if slot in ("area", "floor") else SHARE
            bare = _only_a_place(made, index) if slot == "area" else slot == "name" and _only_a_name(made, value)
            renamed[value.surface] = _new_text(value, slot, bare, rng) if rng.random() < share else value.surface
        text = renamed[value.surface]
        made.pieces[index] = (slot, value._replace(surface=text, out=text))
        made.slots[slot] = text


def _only_a_place(made: Walk, index: int) -> bool:
    """Whether nothing but a place can stand at `index`, whatever its words."""
    before, behind = _said(made.pieces[:index]), _said(made.pieces[index + 1 :])
    before = [word for word in before if word not in ("the", "my", "our")]
    if behind and behind[0] in _BEHIND_PLACES:
        return True
    return bool(before) and before[-1] in _BEFORE_PLACES and (not behind or behind[0] not in words_of_kinds())


def _only_a_name(made: Walk, value: Value) -> bool:
    """Whether a device is called by its name alone: "turn off the zorvel" has no other reading."""
    return made.template.intent in _SWITCHED and value.domain in KINDS and "area" not in made.slots


def _said(pieces: Sequence[str | tuple[str, Value]]) -> list[str]:
    return "".join(piece if isinstance(piece, str) else " ‹value› " for piece in pieces).lower().split()


def _new_text(value: Value, slot: str, bare: bool, rng: Random) -> str:
    if value.entry is None or value.domain in _FREE_DOMAINS:
        return _open_text(value.surface, rng)
    if value.domain == "person":
        return fresh_word(rng).title()
    if slot == "floor" and value.surface.endswith("stairs") and rng.random() < _STAIRS_SHARE:
        return f"{invented_word(rng)}stairs"
    if slot == "zone" or (slot == "floor" and not value.surface.endswith(_STOREYS)):
        return value.surface
    share = _BARE_SHARE if slot == "area" else _BARE_DEVICES
    if bare and "'s" not in value.surface and rng.random() < share:
        return " ".join(fresh_word(rng) for _ in range(1 if rng.random() < 0.6 else 2))
    return _kind_kept(value.surface, rng)


def _kind_kept(text: str, rng: Random) -> str:
    """'reading lamp' → 'zorvel lamp', 'kitchen' → 'maple kitchen', "Emma's room" → "Brimel's room"."""
    parts = text.split()
    alike = _alike(parts[0], rng) if len(parts) > 1 and rng.random() < _ALIKE_SHARE else ""
    if alike:
        return " ".join([alike, *parts[1:]])
    if parts[0].endswith("'s"):
        return " ".join([f"{fresh_word(rng).title()}'s", *parts[1:]])
    before = [fresh_word(rng) for _ in range(1 if rng.random() < 0.75 else 2)]
    if rng.random() < 0.2:
        before[0] = before[0].title()
    kept = parts if len(parts) == 1 or (len(parts) == 2 and rng.random() < 0.15) else parts[-1:]
    return " ".join([*before, *kept])


def _alike(word: str, rng: Random) -> str:
    """A made-up word that only copying tells from `word`, such as "pusic" or "masic" for "music"; empty where that
    gives no word that training may have."""
    found = _SPLIT.fullmatch(word)
    if found is None:
        return ""
    start, vowels, rest = found.groups()
    if rng.random() < 0.6:
        start = rng.choice(_STARTS)
    else:
        vowels = rng.choice(_VOWELS)
    made = f"{start}{vowels}{rest}"
    return "" if made == word or made in words_of_the_tests() or made in words_of_kinds() else made


def _open_text(text: str, rng: Random) -> str:
    """Each word of the text, or all of them, gives way to a fresh one with the same capital."""
    share = 1.0 if rng.random() < _WHOLE_SHARE else 0.5
    changed = [_like(word, rng) if _changes(word) and rng.random() < share else word for word in text.split()]
    return " ".join(changed)


def _changes(word: str) -> bool:
    return word.lower() not in _KEPT and word.isalpha()


def _like(word: str, rng: Random) -> str:
    made = fresh_word(rng)
    return made.title() if word[0].isupper() else made
