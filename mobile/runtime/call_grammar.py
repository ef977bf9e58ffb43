"""tools.json as a grammar of bytes: exactly the canonical JSON call, nothing else.

    {"name":"HassTurnOn","arguments":{"area":"kitchen","domain":"light"}}
    {"name":null,"arguments":{}}

No white space, the name first, arguments sorted by key, each at most once, required ones present, values legal by
their schema. Where the schema leaves more open than a call should use, the grammar takes a part of it that is always
legal: only declared keys, no exponents in numbers, scalars where a schema says nothing about the type. What it cannot
guarantee (`pattern`, `multipleOf`, …) it refuses by name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence as Parts
from decimal import ROUND_CEILING, ROUND_FLOOR
from pathlib import Path
from typing import Any

from .errors import ModelError, SchemaError
from .json_terminals import FRACTION_DIGITS, Excerpt, Number, Range, Text
from .schema_keywords import (
    KEYWORDS,
    bound_of,
    counts_of,
    items_of,
    legal_values,
    refuse_unknown,
    resolved,
    spelled,
    types_of,
)

SCALARS = ["string", "number", "boolean", "null"]
# Where a schema holds a word for a number, one value for a list, or a definition that leads back to itself.
WRONG_CONTENTS = (TypeError, ValueError, ArithmeticError, RecursionError)

# A part of a grammar (a frame) is fixed bytes, a Text, Excerpt or Number, or one of the two classes below.


class Series:
    """Parts one after the other."""

    def __init__(self, parts: Parts[Any]) -> None:
        self.parts = tuple(part for part in parts if part != b"")


class Choice:
    """One of the options; `loops`: the first of them ends it, and the others lead back here."""

    def __init__(self, options: list[Any], loops: bool = False) -> None:
        self.options, self.loops = options, loops


def read_tools(path: Path) -> list[dict[str, Any]]:
    """tools.json: a list of {"name", "description", "parameters"}; ModelError where it is something else."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}). Copy the folder again.") from error
    return parse_tools(text, path)


def parse_tools(text: str, path: Path | str = "tools.json") -> list[dict[str, Any]]:
    """The functions of the text of a tools.json; `path` is its name in messages."""
    try:
        tools = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read as JSON ({error}). Copy the folder again.") from error
    names = [tool.get("name") if isinstance(tool, dict) else None for tool in tools] if isinstance(tools, list) else []
    if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise SchemaError(f'{path} is no list of functions {{"name", "parameters"}} with names that differ.')
    return list(tools)


def _no_number(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


class CallGrammar:
    """The grammar of all calls that `tools` allow.

    Args:
        tools: list of {"name", "parameters": JSON schema of the arguments}.
        substrings: strings without an enumeration or a length limit are cut from the utterance.

    Raises SchemaError with function, argument and keyword where a schema cannot be guaranteed.
    """

    def __init__(self, tools: Parts[dict[str, Any]], substrings: bool = False) -> None:
        self.substrings = substrings
        options: list[Any] = [b'{"name":null,"arguments":{}}']
        for tool in tools:
            parameters, where = tool.get("parameters"), f"function {tool['name']}"
            parameters = {} if parameters is None else parameters
            try:
                head = b'{"name":' + spelled(tool["name"], where) + b',"arguments":'
                options.append(Series([head, self._object(parameters, parameters, where), b"}"]))
            except WRONG_CONTENTS as error:
                raise SchemaError(
                    f"tools.json, {where}: its parameters are no JSON schema that can be followed ({error!r})."
                ) from error
        self.root = Choice(options)

    def _value(self, schema: Any, root: dict[str, Any], where: str) -> Any:
        schema = resolved(schema, root, where)
        for keyword in ("const", "enum"):
            if keyword in schema:
                refuse_unknown(schema, {"const", "enum"}, where)
                values = [schema["const"]] if keyword == "const" else items_of(schema, "enum", where)
                return Choice([spelled(value, where) for value in legal_values(values, schema, where)])
        if "anyOf" in schema:
            refuse_unknown(schema, {"anyOf"}, where)
            if "type" in schema:
                raise SchemaError(
                    f"tools.json, {where}: the type {schema['type']!r} beside anyOf is not kept. Move it into the "
                    "options."
                )
            return Choice([self._value(option, root, where) for option in items_of(schema, "anyOf", where)])
        kinds = types_of(schema, ["object"] if "properties" in schema else SCALARS, where)
        refuse_unknown(schema, set().union(*(KEYWORDS[kind] for kind in kinds)), where)
        return Choice([self._typed(kind, schema, root, where) for kind in kinds])

    def _typed(self, kind: str, schema: dict[str, Any], root: dict[str, Any], where: str) -> Any:
        if kind == "string":
            least, most = counts_of(schema, "minLength", "maxLength", where)
            free = least <= 1 and most is None  # an excerpt has one character or more
            return Series([b'"', Excerpt() if self.substrings and free else Text(0, least, most)])
        if kind in ("integer", "number"):
            return _number(schema, kind == "integer", where)
        if kind == "array":
            return self._array(schema, root, where)
        if kind == "object":
            return self._object(schema, root, where)
        return Choice([b"true", b"false"]) if kind == "boolean" else b"null"

    def _object(self, schema: dict[str, Any], root: dict[str, Any], where: str) -> Any:
        schema = resolved(schema, root, where)
        refuse_unknown(schema, KEYWORDS["object"], where)
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, dict):
            raise SchemaError(f"tools.json, {where}: properties is {properties!r:.60}, not an object.")
        if not isinstance(required, list) or not all(isinstance(key, str) for key in required):
            raise SchemaError(f"tools.json, {where}: required is {required!r:.60}, not a list of names.")
        required = set(required)
        if missing := required - set(properties):
            raise SchemaError(f"tools.json, {where}: {sorted(missing)[0]!r} is required but not in properties.")
        keys = sorted(properties)
        values = {key: self._value(properties[key], root, f"{where}, argument {key!r}") for key in keys}
        # rest[comma]: what may follow once the keys from `index` on are still to come.
        rest: list[dict[bool, Any]] = [{True: b"}", False: b"}"}]
        for index in reversed(range(len(keys))):
            key = keys[index]
            following = rest[-1]
            node = {}
            for comma in (True, False):
                with_key = Series([b"," * comma + spelled(key, where) + b":", values[key], following[True]])
                node[comma] = with_key if key in required else Choice([with_key, following[comma]])
            rest.append(node)
        return Series([b"{", rest[-1][False]])

    def _array(self, schema: dict[str, Any], root: dict[str, Any], where: str) -> Any:
        item = self._value(schema.get("items", {}), root, where)
        least, most = counts_of(schema, "minItems", "maxItems", where)
        if most is None:
            loop = Choice([b"]"], loops=True)
            loop.options.append(Series([b",", item, loop]))
            rest: Any = loop
        else:
            rest = b"]"
        for count in reversed(range(max(least, 1) if most is None else most)):
            another = Series([b"," * (count > 0), item, rest])
            rest = another if count < least else Choice([b"]", another])
        return Series([b"[", rest])


def _number(schema: dict[str, Any], integer: bool, where: str) -> Number:
    scale = 10**FRACTION_DIGITS
    smallest_step = scale if integer else 1
    lows, highs = [], []
    for keyword, step in (("minimum", 0), ("exclusiveMinimum", smallest_step)):
        if keyword in schema:  # an open bound that is no whole number is the next whole number without the step
            bound = bound_of(schema, keyword, where) * scale
            lows.append(int((bound / smallest_step).to_integral_value(ROUND_CEILING)) * smallest_step)
            lows[-1] += step if lows[-1] == bound else 0
    for keyword, step in (("maximum", 0), ("exclusiveMaximum", smallest_step)):
        if keyword in schema:
            bound = bound_of(schema, keyword, where) * scale
            highs.append(int((bound / smallest_step).to_integral_value(ROUND_FLOOR)) * smallest_step)
            highs[-1] -= step if highs[-1] == bound else 0
    allowed = Range(integer, max(lows, default=None), min(highs, default=None))
    number = Number(allowed)
    empty = allowed.low is not None and allowed.high is not None and allowed.low > allowed.high
    if empty or all(number.step(byte) is None for byte in b"-0123456789"):
        raise SchemaError(f"tools.json, {where}: no number of at most 15 digits lies within its bounds.")
    return number
