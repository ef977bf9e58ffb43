"""Judging one answer: the call parser and the scorers that data, training, export and evaluation share.

An answer is right when its parsed call equals the expected one; the text around it decides the rest: what kind of
error it is (as BFCL names them), whether a value was invented, whether a function was called where none applies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal, NoReturn, get_args

from train.errors import UserError

ErrorType = Literal[
    "none",
    "wrong_function",
    "wrong_argument",
    "missing_call",
    "false_call",
    "bad_json",
    "extra_text",
    "never_stopped",
    "wrong_text",
    "no_choice",
    "too_long",
]
ERROR_TYPES: tuple[ErrorType, ...] = tuple(kind for kind in get_args(ErrorType) if kind != "none")
# Scripts that write no spaces between words: Thai to Khmer, and what China and Japan use.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)  # Thai to Chinese
SHOWN_LETTERS = 100  # of a value in an error message


@dataclass(frozen=True)
class Call:
    """A function call; `name` is None where the answer says that no function applies."""

    name: str | None
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Score:
    """Verdict on one answer. A figure that does not apply to the row or the scorer is None."""

    exact: bool  # the headline figure of every scorer
    error: ErrorType
    ended_by_stop: bool
    intent: bool | None = None  # right function, or rightly none
    argument_keys: bool | None = None  # right function and the same argument names
    valid_json: bool | None = None
    invented: bool | None = None  # an open value that is not in the utterance; None: no open slot in the row
    false_call: bool | None = None  # a function where none applies; None: one was expected

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def parse_call(text: str) -> Call | None:
    """The call of an answer that is one JSON object with exactly `name` and `arguments`; else None.

    Duplicate keys, NaN and Infinity are refused: parsers on devices disagree about them.
    """
    try:
        return _as_call(_DECODER.decode(text.strip()))
    except (ValueError, RecursionError):
        return None


def find_call(text: str) -> Call | None:
    """The first call anywhere in a text that says other things too."""
    for start in (position for position, letter in enumerate(text) if letter == "{"):
        try:
            value, _ = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if (call := _as_call(value)) is not None:
            return call
    return None


def score_call(
    answer: str, expected: str, utterance: str, ended_by_stop: bool = True, open_slots: Collection[str] = ()
) -> Score:
    """Judges a function call. `open_slots` are the arguments whose value must be copied from the utterance."""
    want = _expected_call(expected)
    got = parse_call(answer)
    exact = got is not None and ended_by_stop and same_call(got, want)
    return Score(
        exact=exact,
        error=_call_error(answer, got, want, ended_by_stop),
        ended_by_stop=ended_by_stop,
        intent=got is not None and got.name == want.name,
        argument_keys=got is not None and got.name == want.name and got.arguments.keys() == want.arguments.keys(),
        valid_json=got is not None,
        invented=_invented(got, want, utterance, open_slots),
        false_call=None if want.name is not None else _calls(answer),
    )


def score_exact(
    answer: str, expected: str, utterance: str, ended_by_stop: bool = True, open_slots: Collection[str] = ()
) -> Score:
    """The answer's text equals the expected text, outer white space aside."""
    return _score_text(answer.strip() == expected.strip(), ended_by_stop)


def score_contains(
    answer: str, expected: str, utterance: str, ended_by_stop: bool = True, open_slots: Collection[str] = ()
) -> Score:
    """The expected text occurs in the answer as whole words, case aside; for free text with one fact in it."""
    return _score_text(bool(_named(answer.casefold(), [expected.strip().casefold()])), ended_by_stop)


def score_choice(
    answer: str,
    expected: str,
    utterance: str,
    ended_by_stop: bool = True,
    open_slots: Collection[str] = (),
    choices: Collection[str] = (),
) -> Score:
    """The answer names the expected one of `choices` as a word, and no other; case aside.

    Where one choice is part of another ("off", "switch off"), the longer one is what was named.
    """
    want, known = expected.strip().casefold(), _known_choices(expected, choices)
    named = _named(answer.casefold(), known)
    if len(named) == 1 or not ended_by_stop:
        return _score_text(named == {want}, ended_by_stop)
    return Score(exact=False, error="no_choice", ended_by_stop=ended_by_stop)


def _named(answer: str, choices: Collection[str]) -> set[str]:
    found = set()
    for choice in sorted(choices, key=len, reverse=True):
        before = "" if UNSPACED.match(choice[:1]) else r"(?<!\w)"
        after = "" if UNSPACED.match(choice[-1:]) else r"(?!\w)"
        whole_word = before + re.escape(choice) + after
        answer, times = re.subn(whole_word, " ", answer)
        if times:
            found.add(choice)
    return found


Scorer = Callable[..., Score]  # answer, expected, utterance, ended_by_stop, open_slots, choices (of score_choice only)
SCORERS: dict[str, Scorer] = {
    "call": score_call,
    "exact": score_exact,
    "contains": score_contains,
    "choice": score_choice,
}


def check_reference(scorer: str, expected: str, choices: Any = ()) -> None:
    """Raises UserError where the scorer can't judge any answer by this reference answer and these choices."""
    if scorer == "call":
        _expected_call(expected)
    if scorer == "choice":
        _known_choices(expected, choices)


def _expected_call(expected: str) -> Call:
    want = parse_call(expected)
    if want is None:
        raise UserError(
            f"The expected answer {shown(expected)} is not a call ({{'name': …, 'arguments': {{…}}}}), "
            "so the scorer 'call' can't judge it. Correct the row, or set eval.scorer to 'exact' or 'contains'."
        )
    return want


def _known_choices(expected: str, choices: Any) -> set[str]:
    """The choices, case aside."""
    if isinstance(choices, str) or not all(isinstance(choice, str) and choice.strip() for choice in choices):
        raise UserError(
            f"The choices {shown(choices)} are not a list of texts, so the scorer 'choice' can't look for them in an "
            "answer. Write each choice of the row as a text in quotes, none of them empty."
        )
    known = {choice.strip().casefold() for choice in choices}
    if expected.strip().casefold() not in known:
        raise UserError(
            f"The expected answer {shown(expected)} is not among the choices {shown(sorted(choices))}, so the scorer "
            "'choice' can't judge it. Give each row a list 'choices' that has its answer, or set eval.scorer to "
            "'exact'."
        )
    return known


def shown(value: Any) -> str:
    """A value as a message shows it: the beginning of a long one."""
    text = repr(value)
    return text if len(text) <= SHOWN_LETTERS else f"{text[:SHOWN_LETTERS]}…"


def same_call(one: Call, other: Call) -> bool:
    """Equality of the parsed JSON: key order is free, 20 equals 20.0, true does not equal 1."""
    return one.name == other.name and _same(one.arguments, other.arguments)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):  # bool is an int in Python, not in JSON
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _call_error(answer: str, got: Call | None, want: Call, ended_by_stop: bool) -> ErrorType:
    if not ended_by_stop:
        return "never_stopped"
    if got is None:
        return "bad_json" if find_call(answer) is None else "extra_text"
    if got.name != want.name:
        if want.name is None:
            return "false_call"
        return "missing_call" if got.name is None else "wrong_function"
    return "none" if _same(got.arguments, want.arguments) else "wrong_argument"


def _calls(answer: str) -> bool:
    """Whether a function is called anywhere in the answer: an app that looks for a call would carry it out."""
    call = find_call(answer)
    return call is not None and call.name is not None


def _invented(got: Call | None, want: Call, utterance: str, open_slots: Collection[str]) -> bool | None:
    values = {} if got is None else {slot: got.arguments[slot] for slot in open_slots if slot in got.arguments}
    if not values and not any(slot in want.arguments for slot in open_slots):
        return None
    said = _plain(utterance)
    return any(
        isinstance(value, str) and _plain(value) not in said and value != want.arguments.get(slot)
        for slot, value in values.items()
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _score_text(right: bool, ended_by_stop: bool) -> Score:
    error: ErrorType = "never_stopped" if not ended_by_stop else "none" if right else "wrong_text"
    return Score(exact=right and ended_by_stop, error=error, ended_by_stop=ended_by_stop)


def _as_call(value: Any) -> Call | None:
    if not isinstance(value, dict) or value.keys() != {"name", "arguments"}:
        return None
    name, arguments = value["name"], value["arguments"]
    if not (name is None or isinstance(name, str)) or not isinstance(arguments, dict):
        return None
    return Call(name, arguments)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
