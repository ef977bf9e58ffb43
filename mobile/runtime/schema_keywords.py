"""Which keywords of JSON schema constrained decoding keeps, type by type, and what their values must be.

Every fault is a SchemaError that names the function, the argument and the keyword.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

from .errors import SchemaError

# No promise about which values are legal: read by people only.
ANNOTATIONS = {
    "title", "description", "default", "examples", "format", "deprecated", "$comment", "$defs", "definitions",
    "readOnly", "writeOnly", "additionalProperties", "type", "$schema",
}  # fmt: skip
KEYWORDS = {
    "string": {"minLength", "maxLength"},
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "array": {"items", "minItems", "maxItems"},
    "object": {"properties", "required"},
    "boolean": set(),
    "null": set(),
}  # fmt: skip


def bound_of(schema: dict[str, Any], keyword: str, where: str) -> Decimal:
    value = schema[keyword]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SchemaError(f"tools.json, {where}: {keyword} is {value!r}, not a number.")
    return Decimal(str(value))


def counts_of(schema: dict[str, Any], least: str, most: str, where: str) -> tuple[int, int | None]:
    """The values of two keywords that count characters or items; the second may be missing."""
    counts: list[int] = []
    for keyword in (least, most):
        value = schema.get(keyword, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**31 or value % 1:
            raise SchemaError(f"tools.json, {where}: {keyword} is {value!r}, not a whole number of 0 or more.")
        counts.append(int(value))
    if most not in schema:
        return counts[0], None
    if counts[1] < counts[0]:
        raise SchemaError(f"tools.json, {where}: {most} {counts[1]} is below {least} {counts[0]}.")
    return counts[0], counts[1]


def items_of(schema: dict[str, Any], keyword: str, where: str) -> list[Any]:
    """A list that holds something."""
    value = schema[keyword]
    if not isinstance(value, list) or not value:
        raise SchemaError(f"tools.json, {where}: {keyword} is {value!r:.60}, not a list with one value or more.")
    return value


def types_of(schema: dict[str, Any], otherwise: list[str], where: str) -> list[str]:
    """The types that `type` names, one or several."""
    if "type" not in schema:
        return otherwise
    kinds = [schema["type"]] if isinstance(schema["type"], str) else items_of(schema, "type", where)
    if unknown := [kind for kind in kinds if not isinstance(kind, str) or kind not in KEYWORDS]:
        raise SchemaError(f"tools.json, {where}: the type {unknown[0]!r} is unknown to JSON schema.")
    return kinds


def resolved(schema: Any, root: dict[str, Any], where: str, depth: int = 0) -> dict[str, Any]:
    """The schema behind `$ref`, which must be local and may not lead back to itself."""
    if schema is True:
        return {}
    if not isinstance(schema, dict):
        raise SchemaError(f"tools.json, {where}: the schema is {schema!r}, not an object.")
    if "$ref" not in schema:
        return schema
    if beside := sorted(set(schema) - {"$ref"} - (ANNOTATIONS - {"type"})):
        raise SchemaError(
            f"tools.json, {where}: the keyword {beside[0]!r} beside $ref is not kept. Move it into the schema that "
            f"{schema['$ref']!r} names."
        )
    target: Any = root
    for name in str(schema["$ref"]).removeprefix("#/").split("/"):
        target = target.get(name) if isinstance(target, dict) else None
    if target is None or depth > 8:
        raise SchemaError(f"tools.json, {where}: $ref {schema['$ref']!r} leads nowhere; only '#/$defs/…' is followed.")
    return resolved(target, root, where, depth + 1)


def legal_values(values: list[Any], schema: dict[str, Any], where: str) -> list[Any]:
    """The values of an enumeration that its `type` and `enum` allow too."""
    kinds = types_of(schema, list(KEYWORDS), where)
    listed = {spelled(value, where) for value in (items_of(schema, "enum", where) if "enum" in schema else values)}
    allowed = [value for value in values if _kinds(value) & set(kinds) and spelled(value, where) in listed]
    if not allowed:
        raise SchemaError(f"tools.json, {where}: no value of {values} has the type {kinds!r}.")
    return allowed


def _kinds(value: Any) -> set[str]:
    if value is None or isinstance(value, bool):
        return {"null"} if value is None else {"boolean"}
    if isinstance(value, int | float):
        return {"number", "integer"} if float(value).is_integer() else {"number"}
    return {"string"} if isinstance(value, str) else {"array"} if isinstance(value, list) else {"object"}


def refuse_unknown(schema: dict[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(schema) - known - ANNOTATIONS):
        raise SchemaError(
            f"tools.json, {where}: constrained decoding cannot guarantee the keyword {unknown[0]!r}. Take it out of "
            "the schema, or answer with constrain='off'."
        )


def spelled(value: Any, where: str) -> bytes:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
        return text.encode()
    except ValueError as error:
        raise SchemaError(
            f"tools.json, {where}: {value!r:.60} holds a number that is not finite or half a surrogate pair, which "
            "JSON cannot spell."
        ) from error
