"""Judging a call whose arguments may have several right values, by the rules of the Berkeley Function-Calling
Leaderboard (Apache-2.0; "simple" Python questions, `bfcl_eval/eval_checker/ast_eval/ast_checker.py`).

A row carries the function's schema and, for each argument, its possible values; an empty text among them says that the
argument may be left out. Where no function applies, any answer that makes no call is right. Two rules are this
project's: the answer is one JSON object, and it ends by the stop token.
"""

from __future__ import annotations

import re
from typing import Any

from train.metrics import Call, ErrorType, Score, find_call, parse_call

Schema = dict[str, Any]
Possible = dict[str, list[Any]]  # argument → its right values

OPTIONAL = ""
TYPES: dict[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
_IGNORED = re.compile(r"[ ,./\-_*^]")  # "April 1, 2024" is "april 1 2024"


def score_possible(answer: str, function: Schema, possible: Possible | None, ended_by_stop: bool) -> Score:
    """Judges an answer to a row with one function; `possible` is None where that function does not apply."""
    if possible is None:
        return _score_none(answer, ended_by_stop)
    got = parse_call(answer)
    named = got is not None and got.name == function["name"]
    right = got is not None and named and arguments_right(got.arguments, function, possible)
    return Score(
        exact=right and ended_by_stop,
        error=_error(answer, got, named, right, ended_by_stop),
        ended_by_stop=ended_by_stop,
        intent=named,
        argument_keys=got is not None and named and _keys_right(got.arguments, function, possible),
        valid_json=got is not None,
    )


def _score_none(answer: str, ended_by_stop: bool) -> Score:
    call = find_call(answer)
    called = call is not None and call.name is not None
    error: ErrorType = "never_stopped" if not ended_by_stop else "false_call" if called else "none"
    return Score(
        exact=not called and ended_by_stop,
        error=error,
        ended_by_stop=ended_by_stop,
        intent=not called,
        valid_json=parse_call(answer) is not None,
        false_call=called,
    )


def _error(answer: str, got: Call | None, named: bool, right: bool, ended_by_stop: bool) -> ErrorType:
    if not ended_by_stop:
        return "never_stopped"
    if got is None:
        return "bad_json" if find_call(answer) is None else "extra_text"
    if not named:
        return "missing_call" if got.name is None else "wrong_function"
    return "none" if right else "wrong_argument"


def arguments_right(arguments: dict[str, Any], function: Schema, possible: Possible) -> bool:
    """Whether all arguments have one of their possible values in the declared type, and none is missing."""
    properties = function["parameters"]["properties"]
    return _keys_right(arguments, function, possible) and all(
        _value_right(value, properties[name], possible[name]) for name, value in arguments.items()
    )


def _keys_right(arguments: dict[str, Any], function: Schema, possible: Possible) -> bool:
    parameters: Schema = function["parameters"]
    known: set[str] = parameters["properties"].keys() & possible.keys()
    needed = set(parameters["required"]) | {name for name, values in possible.items() if OPTIONAL not in values}
    return needed <= set(arguments) <= known


def _value_right(value: Any, schema: Schema, possible: list[Any]) -> bool:
    declared: Any = TYPES[schema["type"]]
    if declared is float and type(value) is int:
        value = float(value)
    answer_type = _type_of(possible)
    if type(value) is not declared:
        return type(value) is answer_type and _among(value, possible)  # a variable's name, say
    if declared is list and not _items_fit(value, schema, possible):
        return False
    if answer_type not in (None, declared):
        return _among(value, possible)
    if declared is dict:
        return any(_dict_right(value, candidate) for candidate in possible if candidate != OPTIONAL)
    if declared is list and TYPES[schema["items"]["type"]] is dict:
        return any(_dicts_right(value, candidate) for candidate in possible if candidate != OPTIONAL)
    if declared is list:
        return _among(_plain_items(value), [_plain_items(candidate) for candidate in possible])
    return _among(_plain(value), [_plain(candidate) for candidate in possible])


def _items_fit(value: list[Any], schema: Schema, possible: list[Any]) -> bool:
    """Whether the items have the declared type, or that of some possible list's first item. (Where the argument may be
    left out, the leaderboard takes items of any type.)"""
    declared = TYPES[schema["items"]["type"]]
    return any(
        not isinstance(candidate, list) or all(type(item) in (declared, _type_of(candidate)) for item in value)
        for candidate in possible
    )


def _dicts_right(value: list[Any], possible: list[Any]) -> bool:
    return len(value) == len(possible) and all(
        _dict_right(item, candidate) for item, candidate in zip(value, possible, strict=True)
    )


def _dict_right(value: dict[str, Any], possible: Possible) -> bool:
    """An object against an object whose values are lists of what is possible."""
    needed = {key for key, values in possible.items() if OPTIONAL not in values}
    return needed <= value.keys() <= possible.keys() and all(
        _among(_plain(item), [_plain(candidate) for candidate in possible[key]]) for key, item in value.items()
    )


def _among(value: Any, possible: list[Any]) -> bool:
    """Equality of JSON values: 20 is 20.0, but true is not 1."""
    return any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in possible)


def _plain(value: Any) -> Any:
    """A text without case, blanks and light punctuation; anything else as it is."""
    return _IGNORED.sub("", value).lower().replace("'", '"') if isinstance(value, str) else value


def _plain_items(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _type_of(values: list[Any]) -> type | None:
    """Type of the first value that is really one."""
    return next((type(value) for value in values if value != OPTIONAL), None)
