"""Whether an answer is a call of a known function, and its arguments are what the schema says.

The grammar of constrained decoding (call_grammar.py) promises the same for its own answers; this is the check for any
text, whoever wrote it. The order of the checks is fixed in mobile/contract/README.md: other languages report the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

LONGEST = 10_000  # code points of an answer
DEEPEST = 64  # objects and lists in one another, the call included: what follows is recursive
EXACT = 2**53 - 1  # largest integer that every language's numbers hold


class Call(NamedTuple):
    """A function's name, None where none applies, and its arguments."""

    name: str | None
    arguments: dict[str, Any]


class Fault(NamedTuple):
    """Why a call is refused, and the argument (or the path inside of one) that is the cause."""

    code: str
    argument: str | None = None


def read_call(text: str) -> Call | None:
    """The call that a text spells; None where it spells none."""
    if len(text) > LONGEST:
        return None
    try:
        value = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or set(value) != {"name", "arguments"} or _is_deeper(value, DEEPEST):
        return None
    name, arguments = value["name"], value["arguments"]
    if not isinstance(name, str | None) or not isinstance(arguments, dict) or (name is None and arguments):
        return None
    return Call(name, arguments)


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether more than `levels` objects and lists stand in one another."""
    layer = [value]
    for _ in range(levels):
        layer = [inner for item in layer for inner in _inside(item)]
    return any(isinstance(item, dict | list) for item in layer)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def check_arguments(arguments: Mapping[str, Any], parameters: Mapping[str, Any]) -> Fault | None:
    """The first fault of a call's arguments by the function's `parameters`."""
    return _object_fault(arguments, _behind(parameters, parameters), parameters, "")


def check_value(value: Any, schema: Any, root: Mapping[str, Any], where: str) -> Fault | None:
    """The first fault of one value; `root` is what `$ref` starts from."""
    schema = _behind(schema, root)
    kinds = schema.get("type", ["object"] if "properties" in schema else [])
    if kinds and not any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return Fault("wrong_type", where)
    if not _finite(value):
        return Fault("wrong_type", where)
    choices = [[schema["const"]]] if "const" in schema else []
    choices += [schema["enum"]] if "enum" in schema else []
    if not all(any(equal(value, option) for option in options) for options in choices):
        return Fault("not_allowed", where)
    if "anyOf" in schema and all(check_value(value, option, root, where) for option in schema["anyOf"]):
        return Fault("not_allowed", where)
    if not _within(value, schema):
        return Fault("out_of_range", where)
    if isinstance(value, list):
        faults = (check_value(item, schema.get("items", {}), root, f"{where}.{at}") for at, item in enumerate(value))
        return next(filter(None, faults), None)
    inside = isinstance(value, dict) and "properties" in schema
    return _object_fault(value, schema, root, f"{where}.") if inside else None


def equal(a: Any, b: Any) -> bool:
    """Equality of JSON values: 1 is 1.0, and neither is true."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[name], b[name]) for name in a)
    return bool(a == b)


def _object_fault(value: Mapping[str, Any], schema: Any, root: Mapping[str, Any], before: str) -> Fault | None:
    return next(_object_faults(value, schema, root, before), None)


def _object_faults(value: Mapping[str, Any], schema: Any, root: Mapping[str, Any], before: str) -> Iterator[Fault]:
    declared = schema.get("properties", {})
    yield from (Fault("unknown_argument", before + name) for name in sorted(value) if name not in declared)
    yield from (Fault("missing_argument", before + name) for name in schema.get("required", []) if name not in value)
    for name in sorted(value):
        fault = check_value(value[name], declared[name], root, before + name)
        if fault is not None:
            yield fault


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or value is None:
        return kind == ("null" if value is None else "boolean")
    if isinstance(value, int | float):
        return kind == "number" or (kind == "integer" and isinstance(value, int))  # _number has told them apart
    return kind == ("string" if isinstance(value, str) else "array" if isinstance(value, list) else "object")


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _within(value: Any, schema: Mapping[str, Any]) -> bool:
    if isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        least, most = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        above, below = schema.get("exclusiveMinimum", -math.inf), schema.get("exclusiveMaximum", math.inf)
        return bool(least <= value <= most and above < value < below)
    suffix = "Length" if isinstance(value, str) else "Items" if isinstance(value, list) else None
    return suffix is None or schema.get(f"min{suffix}", 0) <= len(value) <= schema.get(f"max{suffix}", math.inf)


def _behind(schema: Any, root: Mapping[str, Any]) -> Any:
    """The schema behind `$ref`; CallGrammar has made sure that each leads somewhere."""
    while isinstance(schema, dict) and "$ref" in schema:
        target: Any = root
        for name in str(schema["$ref"]).removeprefix("#/").split("/"):
            target = target[name]
        schema = target
    return {} if schema is True else schema


def _number(digits: str) -> int | float:
    """As JavaScript has it: 20.0 is the integer 20, and what a double does not hold exactly is no integer."""
    value = float(digits)
    return int(value) if abs(value) <= EXACT and value.is_integer() else value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
