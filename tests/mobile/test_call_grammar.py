"""What a grammar of calls makes of function schemas: nested and wide ones, and those it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mobile.runtime import CallConstraint, ModelError, SchemaError
from mobile.runtime.call_grammar import CallGrammar, read_tools
from mobile.runtime.token_trie import token_bytes
from tests.mobile.call_tools import STOP, accepts, byte_level, walk


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "string", "pattern": "a*"}, "function f, argument 'x'.*'pattern'"),
        ({"type": "text"}, "type 'text' is unknown"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "no number"),
        ({"type": "object", "properties": {"y": {"type": "number", "multipleOf": 2}}}, "argument 'y'.*'multipleOf'"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "maxItems 2 is below minItems 3"),
        ({"$ref": "#/$defs/z"}, "leads nowhere"),
        ({"enum": ["a"], "type": "integer"}, "no value of"),
        ({"type": "integer", "anyOf": [{"minimum": 5}]}, "type 'integer' beside anyOf is not kept. Move it into the"),
        ({"$ref": "#/$defs/n", "maximum": 3}, "keyword 'maximum' beside \\$ref is not kept"),
        ({"type": "number", "exclusiveMinimum": 1, "maximum": 1}, "no number"),
        ({"type": "string", "minLength": 5, "maxLength": 3}, "maxLength 3 is below minLength 5"),
        ({"anyOf": []}, r"anyOf is \[\], not a list"),
        ({"type": []}, r"type is \[\], not a list"),
        ({"type": "string", "maxLength": "10"}, "maxLength is '10', not a whole number"),
        ({"type": "string", "minLength": "one"}, "minLength is 'one', not a whole number"),
        ({"type": "integer", "minimum": "5"}, "minimum is '5', not a number"),
        ({"type": "object", "properties": ["x"]}, r"properties is \['x'\], not an object"),
        ({"type": "object", "properties": {"x": {}}, "required": 5}, "required is 5, not a list"),
        ({"enum": [float("nan")]}, "holds a number that is not finite"),
        ({"const": "\ud800"}, "half a surrogate pair"),
    ],
)
def test_what_cannot_be_guaranteed_is_refused_by_name(schema: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        CallGrammar([{"name": "f", "parameters": {"properties": {"x": schema}}}])


def test_a_schema_that_leads_back_to_itself_is_refused_by_the_functions_name() -> None:
    endless = {"properties": {"x": {"$ref": "#/$defs/a"}}}
    with pytest.raises(SchemaError, match="function f: its parameters are no JSON schema"):
        CallGrammar([{"name": "f", "parameters": endless | {"$defs": {"a": endless}}}])


def test_names_that_no_call_can_spell() -> None:
    with pytest.raises(SchemaError, match="half a surrogate pair"):
        CallGrammar([{"name": "\ud800", "parameters": {}}])


def test_nested_values() -> None:
    schema = {
        "properties": {
            "list": {"type": "array", "items": {"$ref": "#/$defs/point"}, "minItems": 1, "maxItems": 2},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 2}},
        },
        "$defs": {"point": {"type": "object", "properties": {"y": {"const": 1}, "x": {}}, "required": ["y"]}},
    }
    rules = CallConstraint([{"name": "f", "parameters": schema}], byte_level(), 420, [STOP])

    def legal(arguments: str) -> bool:
        return accepts(rules, '{"name":"f","arguments":{' + arguments + "}}")

    assert legal('"list":[{"y":1}]')
    assert legal('"list":[{"x":null,"y":1},{"x":"a","y":1}],"tags":[]')
    assert legal('"tags":["é","🍳🍳","\\"a"]')
    for wrong in (
        '"list":[]',
        '"list":[{"x":1}]',
        '"list":[{"y":1},{"y":1},{"y":1}]',
        '"tags":[""]',
        '"tags":["abc"]',
        '"tags":[,]',
    ):
        assert not legal(wrong), wrong


def wide_schemas(count: int) -> list[dict[str, Any]]:
    """Grammars that are nested as deeply as they are long."""
    keys = [f"p{index:04}" for index in range(count)]
    properties: dict[str, Any] = {key: {"type": "integer"} for key in keys}
    items = {"type": "array", "items": {"type": "integer"}}
    return [
        {"properties": {"p0000": items | {"maxItems": count}}, "required": ["p0000"]},
        {"properties": {"p0000": items | {"minItems": count}}},
        {"properties": properties},
        {"properties": properties, "required": keys},
    ]


@pytest.mark.parametrize("schema", wide_schemas(2_000), ids=["maxItems", "minItems", "optional", "required"])
def test_long_lists_and_many_properties(schema: dict[str, Any]) -> None:
    rules = CallConstraint([{"name": "f", "parameters": schema}], byte_level(), 420, [STOP])
    state: Any = rules.automaton.start("")
    for byte in b'{"name":"f","arguments":{"p0000":':
        state = rules.automaton.step(state, byte)
    assert rules.left(state) < 40_000
    ids, stopped = walk(rules, 1, 40, "", 0.0)
    assert stopped
    assert json.loads(b"".join(rules.tokens[token] for token in ids))["name"] in ("f", None)


def test_tools_and_tokenizers_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "tools.json"
    for text in ("{}", "[]", '[{"name":""}]', '[{"name":"a"},{"name":"a"}]', "[1]"):
        file.write_text(text)
        with pytest.raises(SchemaError, match="no list of functions"):
            read_tools(file)
    for text in ("[", "[" * 100_000, '[{"name":"a","parameters":{"minimum":NaN}}]'):
        file.write_text(text)
        with pytest.raises(ModelError, match="cannot be read as JSON"):
            read_tools(file)
    with pytest.raises(ModelError, match="byte-level BPE"):
        token_bytes({"model": {"type": "Unigram"}, "decoder": {"type": "Metaspace"}})
