"""Rows of a test set before an engine is asked: what can't be judged is found now, not after all answers.

Keys of a row beside `messages`, all optional; null is the same as none:
    id         text or whole number; rows may share one (those of a conversation)
    category   text: the figures are broken down by it
    choices    list of texts, for the scorer `choice`
    open       object of argument → text copied from the utterance, for the scorer `call`
    function, possible   a schema and the right values of each argument, as eval.bfcl has them
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from eval.possible_answers import TYPES, score_possible
from train.chat import content_text
from train.metrics import check_reference, shown

Row = dict[str, Any]


def check_row(row: Row, scorer: str) -> None:
    """Whether a chat row can be asked and judged.

    Raises:
        ValueError: it has no question or answer, or a key of another type; says which, its value and what to do.
        UserError: the scorer can't judge by its reference answer.
    """
    if len(row["messages"]) < 2 or row["messages"][-2]["role"] != "user":
        raise ValueError("a user's message before the assistant's was expected")
    expected = content_text(row["messages"][-1]["content"])
    if not expected.strip():
        raise ValueError("the reference answer is empty")
    _check_type(row, "id", (str, int), "a text or a whole number (without one the row is named by its place)")
    _check_type(row, "category", (str,), "a text (put it in quotes, or leave it out)")
    if "possible" in row and "function" in row:
        _check_possible(row["function"], row["possible"], expected)
        return
    if scorer == "call":
        _check_type(row, "open", (dict,), "an object of argument → text copied from the utterance")
    if scorer == "choice":
        _check_type(row, "choices", (list,), "a list of texts")
    check_reference(scorer, expected, row.get("choices") or ())


def _check_type(row: Row, key: str, types: tuple[type, ...], wanted: str) -> None:
    value = row.get(key)
    if value is not None and type(value) not in types:  # type(): true is no number
        raise ValueError(f"{key!r} is {shown(value)}, where {wanted} was expected")


def _check_possible(function: Any, possible: Any, expected: str) -> None:
    """The reference is judged like an answer: a schema that can't judge it can judge nothing."""
    try:
        for argument in possible or {}:
            schema = function["parameters"]["properties"][argument]
            declared = [schema, schema["items"]] if TYPES[schema["type"]] is list else [schema]
            if unknown := [part["type"] for part in declared if part["type"] not in TYPES]:
                raise KeyError(unknown[0])
        right = score_possible(expected, function, possible, ended_by_stop=True).exact
    except (AttributeError, IndexError, KeyError, TypeError):
        raise ValueError(
            f"'function' {shown(function)} and 'possible' {shown(possible)} are not a schema and the right values of "
            "each argument, as eval/bfcl.py makes them; rename these keys where they mean something else"
        ) from None
    if not right:
        raise ValueError(f"the reference answer {shown(expected)} is not right by its own 'possible' {shown(possible)}")


def with_ids(rows: Sequence[Row], name: str) -> list[Row]:
    """The rows, each with an id that no other of the set `name` has: answers of two engines are paired by it.

    A row without an id is named by its place, "t3-000007". Of rows that share one, the first keeps it and the others
    get a number: "chat-12", "chat-12#2".
    """
    uses: Counter[str] = Counter()
    taken: set[str] = set()
    found = []
    for index, row in enumerate(rows):
        given = f"{name}-{index:06d}" if row.get("id") in (None, "") else str(row["id"])
        unique = _numbered(given, uses)
        while unique in taken:
            unique = _numbered(given, uses)
        taken.add(unique)
        found.append({**row, "id": unique})
    return found


def _numbered(given: str, uses: Counter[str]) -> str:
    uses[given] += 1
    return given if uses[given] == 1 else f"{given}#{uses[given]}"
