"""The parts of a JSON text that bytes can be told apart by: the inside of a string, a number, an excerpt.

Each is an immutable state with `step(byte)`: the next state, CLOSED where the byte ended it, or None where the byte
is not allowed. Only the one spelling that the training rows use is allowed (Python's json.dumps without ASCII
escapes), so the same value is never spelled in two ways. All three are hashed and compared, a thing of the caches.
"""

from __future__ import annotations

import json
import unicodedata
from functools import lru_cache
from typing import Final, Literal, NamedTuple

CLOSED: Final = "closed"
Closed = Literal["closed"]

QUOTE, BACKSLASH, DOT, MINUS = b'"\\.-'

# Phase of a string -> {byte: next phase}. 0: between characters; 1 to 3: so many UTF-8 continuation bytes to come;
# 4 to 7: after E0, ED, F0, F4, whose next byte is limited (Unicode standard, table 3-7: no overlong forms, no
# surrogates, nothing above U+10FFFF); 8: after a backslash; 9 to 13: in \u00XX, which only controls without a short
# escape need.
_CONTINUATION = range(0x80, 0xC0)
PHASES: tuple[dict[int, int], ...] = (
    {byte: 0 for byte in range(0x20, 0x80) if byte not in (QUOTE, BACKSLASH)}
    | dict.fromkeys(range(0xC2, 0xE0), 1)
    | dict.fromkeys(range(0xE1, 0xF0), 2)
    | dict.fromkeys(range(0xF1, 0xF4), 3)
    | {0xE0: 4, 0xED: 5, 0xF0: 6, 0xF4: 7, BACKSLASH: 8},
    dict.fromkeys(_CONTINUATION, 0),
    dict.fromkeys(_CONTINUATION, 1),
    dict.fromkeys(_CONTINUATION, 2),
    dict.fromkeys(range(0xA0, 0xC0), 1),
    dict.fromkeys(range(0x80, 0xA0), 1),
    dict.fromkeys(range(0x90, 0xC0), 2),
    dict.fromkeys(range(0x80, 0x90), 2),
    dict.fromkeys(b'"\\bfnrt', 0) | {ord("u"): 9},
    {ord("0"): 10},
    {ord("0"): 11},
    {ord("0"): 12, ord("1"): 13},
    dict.fromkeys(b"01234567bef", 0),
    dict.fromkeys(b"0123456789abcdef", 0),
)
_BYTES_TO_BASE = (0, 1, 2, 3, 2, 2, 3, 3, 1, 4, 3, 2, 1, 1)  # fewest bytes from a phase to phase 0

NO_END = 1 << 30  # bytes or tokens to an end that cannot be reached
# Of at most 15 digits no two numbers are the same double, whatever parses the call; 9 of them after the point at most.
DIGITS, FRACTION_DIGITS = 15, 9
_SCALE = int(10**FRACTION_DIGITS)
_SAME_DIGIT = str.maketrans("23456789", "11111111")


class Text(NamedTuple):
    """Inside a string, after its opening quote."""

    phase: int = 0
    least: int = 0  # characters still needed
    most: int | None = None  # characters still allowed; None: no limit

    def step(self, byte: int) -> Text | Closed | None:
        if self.phase == 0:
            if byte == QUOTE:
                return None if self.least else CLOSED
            if self.most == 0 or byte not in PHASES[0]:
                return None
            return Text(PHASES[0][byte], max(0, self.least - 1), None if self.most is None else self.most - 1)
        phase = PHASES[self.phase].get(byte)
        return None if phase is None else Text(phase, self.least, self.most)

    @property
    def left(self) -> int:
        """Fewest bytes to the end, closing quote included."""
        return _BYTES_TO_BASE[self.phase] + self.least + 1


class Excerpt(NamedTuple):
    """Inside a string whose value is cut from the utterance: where in the utterance the next byte may be."""

    positions: tuple[int, ...] | None = None  # None: nothing read yet

    def step(self, byte: int, utterance: Utterance) -> Excerpt | Closed | None:
        if byte == QUOTE and self.positions is not None and any(at in utterance.ends for at in self.positions):
            return CLOSED  # a quote of the utterance itself is escaped, so it begins with a backslash
        return self.skip(bytes((byte,)), utterance)

    def skip(self, data: bytes, utterance: Utterance) -> Excerpt | None:
        """After several bytes, none of which closes it."""
        starts = utterance.starts if self.positions is None else self.positions
        positions = tuple([at + len(data) for at in starts if utterance.data.startswith(data, at)])
        return Excerpt(positions) if positions else None

    def options(self, utterance: Utterance) -> set[int]:
        """Bytes that `step` might take."""
        starts = utterance.starts if self.positions is None else self.positions
        return {QUOTE} | {utterance.data[at] for at in starts if at < len(utterance.data)}

    def bytes_left(self, utterance: Utterance) -> int:
        """Fewest bytes to the end, closing quote included."""
        if self.positions is None:
            return utterance.shortest
        return 1 + min(utterance.until_end[at] for at in self.positions)


class Utterance:
    """The user's text as the bytes of a JSON string, with the offsets where an excerpt may begin and end.

    Excerpts begin and end at word borders and not with white space. Between two letters or digits there is no
    border, except in scripts written without spaces (Unicode category Lo). What follows the last end is left out.
    """

    def __init__(self, text: str) -> None:
        pieces: list[bytes] = []
        starts: list[int] = []
        ends: list[int] = []
        offset, in_word = 0, False
        for letter in text:
            piece, space, word = _letter(letter)
            pieces.append(piece)
            if not space:
                if word and in_word:  # the end of the letter before was none
                    ends.pop()
                else:
                    starts.append(offset)
                ends.append(offset + len(piece))
            in_word = word
            offset += len(piece)
        self.data = b"".join(pieces)[: ends[-1] if ends else 0]
        self.starts, self.ends = tuple(starts), frozenset(ends)
        self.until_end = _distances(ends)
        # Bytes of the shortest excerpt, which is never empty, and its closing quote.
        self.shortest = 2 + min((self.until_end[at + 1] for at in starts), default=NO_END)


def _distances(ends: list[int]) -> list[int]:
    """Bytes from each offset to the next of `ends`."""
    counts: list[int] = []
    for end in ends:
        counts.extend(range(end - len(counts), 0, -1))
        counts.append(0)
    return counts or [0]


_ESCAPED = frozenset(map(chr, range(0x20))) | {'"', "\\"}


@lru_cache(maxsize=4096)
def _letter(letter: str) -> tuple[bytes, bool, bool]:
    """Its bytes inside a JSON string; whether it is white space; whether it joins others to a word."""
    piece = escape(letter) if letter in _ESCAPED else letter.encode("utf-8", "replace")
    return piece, letter.isspace(), letter.isalnum() and unicodedata.category(letter) != "Lo"


def escape(text: str) -> bytes:
    """UTF-8 of the inside of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode()


class Range(NamedTuple):
    """Which numbers are allowed. Bounds are in units of 10^-9, both allowed; None: no bound."""

    integer: bool
    low: int | None = None
    high: int | None = None


class Number(NamedTuple):
    """Inside a number, after its first characters `text`.

    No exponents, no leading or trailing zeros ("20.0" aside), no "-0": every value has one spelling, and of at most
    15 digits, so that no two are one double.
    """

    range: Range
    text: str = ""

    def step(self, byte: int) -> Number | None:
        if not (0x30 <= byte <= 0x39 or byte in (DOT, MINUS)):
            return None
        text = self.text + chr(byte)
        if not _reachable(self.range, text):
            return None
        if self.range.low is None and self.range.high is None:
            text = _shape(text)  # the digits make no difference: fewer states
        return Number(self.range, text)

    @property
    def complete(self) -> bool:
        return _complete(self.range, self.text)

    @property
    def left(self) -> int:
        """Fewest bytes until the number may end."""
        return _bytes_left(self.range, self.text)


def _shape(text: str) -> str:
    whole, dot, fraction = text.partition(".")
    digits = whole.translate(_SAME_DIGIT)
    whole = digits if digits in ("0", "-0") else digits.replace("0", "1")
    if len(fraction) > 1:
        fraction = "1" * (len(fraction) - 1) + fraction[-1]
    return whole + dot + fraction.translate(_SAME_DIGIT)


def _complete(allowed: Range, text: str) -> bool:
    whole, dot, fraction = text.removeprefix("-").partition(".")
    if not whole or (dot and not fraction) or (len(fraction) > 1 and fraction[-1] == "0") or text == "-0":
        return False
    value = _scaled(whole, fraction) * (-1 if text[0] == "-" else 1)
    return (allowed.low is None or allowed.low <= value) and (allowed.high is None or value <= allowed.high)


def _reachable(allowed: Range, text: str) -> bool:
    """Whether some allowed number begins with `text`."""
    whole, dot, fraction = text.removeprefix("-").partition(".")
    if (not whole and dot) or not (whole + fraction + "0").isdigit() or len(whole) > DIGITS:
        return False
    places = _places(allowed.integer, len(whole))
    if (len(whole) > 1 and whole[0] == "0") or len(fraction) > places or (dot and not places):
        return False
    if text == "-0" and allowed.integer:
        return False
    spans = _spans(allowed.integer, whole, dot, fraction)
    return any(_fraction_digits(allowed, text[0] == "-", span, span.places) is not None for span in spans)


def _places(integer: bool, length: int) -> int:
    """Most digits after the point of a number with so many before it; a 0 there counts, too."""
    return 0 if integer else min(FRACTION_DIGITS, DIGITS - length)


class _Span(NamedTuple):
    """Closed range (without the sign, scaled) of numbers with at most so many digits after the point."""

    start: int
    stop: int
    places: int


def _spans(integer: bool, whole: str, dot: str, fraction: str) -> list[_Span]:
    """The numbers that begin with these digits, by the length of their whole part."""
    if dot:
        places = _places(integer, len(whole))
        start, unit = _scaled(whole, fraction), _unit(places)
        # After "1.50" a further digit must come, and it is not 0 all the way.
        first = start + unit * (len(fraction) > 1 and fraction[-1] == "0")
        return [_Span(first, start + _unit(len(fraction)) - unit, places)]
    spans = []
    for length in [1] if whole == "0" else range(max(1, len(whole)), DIGITS + 1):
        more, places = 10 ** (length - len(whole)), _places(integer, length)
        first, last = (int(whole) * more, (int(whole) + 1) * more) if whole else (more // 10, more)
        if not whole and length == 1:  # after "-"; there is no -0
            first = int(integer)
        spans.append(_Span(first * _SCALE, last * _SCALE - _unit(places), places))
    return spans


def _unit(places: int) -> int:
    """The step between numbers of so many digits after the point."""
    return int(10 ** (FRACTION_DIGITS - places))


def _scaled(whole: str, fraction: str) -> int:
    return int(whole) * _SCALE + int(fraction.ljust(FRACTION_DIGITS, "0"))


@lru_cache(maxsize=4096)
def _bytes_left(allowed: Range, text: str) -> int:
    if text in ("", "-"):
        return min(
            1 + _bytes_left(allowed, text + c) for c in "-0123456789"[len(text) :] if _reachable(allowed, text + c)
        )
    if _complete(allowed, text):
        return 0
    whole, dot, fraction = text.removeprefix("-").partition(".")
    costs = []
    for more, span in enumerate(_spans(allowed.integer, whole, dot, fraction)):
        if dot:
            digits = _fraction_digits(allowed, text[0] == "-", span, max(1, len(fraction)))
            costs += [] if digits is None else [digits - len(fraction)]
        else:
            digits = _fraction_digits(allowed, text[0] == "-", span, int(text == "-0"))
            costs += [] if digits is None else [more + (digits + 1 if digits else 0)]
    return min(costs)


def _fraction_digits(allowed: Range, negative: bool, span: _Span, least: int) -> int | None:
    """Fewest digits after the point of an allowed number in `span`; None where there is no such number."""
    start, stop = (-span.stop, -span.start) if negative else (span.start, span.stop)
    start = start if allowed.low is None else max(start, allowed.low)
    stop = stop if allowed.high is None else min(stop, allowed.high)
    for digits in range(least, span.places + 1):
        if -(-start // _unit(digits)) * _unit(digits) <= stop:
            return digits
    return None
