"""Constrained decoding: whatever the model wants, what comes out is a valid call."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from mobile.runtime import CallConstraint, ModelError, Sampler, SchemaError
from mobile.runtime.call_grammar import CallGrammar, read_tools
from mobile.runtime.json_terminals import Number, Range
from mobile.runtime.token_trie import token_bytes
from tests.mobile.call_tools import STOP, TEXTS, TOOLS, byte_level

UTTERANCE = 'set the "old" lamp in the Küche to 20 degrees, 10 % 🍳'


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.from_str(json.dumps(byte_level()))


@cache
def constraint(substrings: bool = False) -> CallConstraint:
    return CallConstraint(TOOLS, byte_level(), tokenizer().get_vocab_size(), [STOP], substrings)


def accepts(rules: CallConstraint, text: str, utterance: str = "") -> bool:
    """Whether the bytes of a text are a whole call, one token a byte."""
    state = rules.automaton.start(utterance)
    for byte in text.encode():
        following = rules.automaton.step(state, byte)
        if following is None:
            return False
        state = following
    return state.final


def walk(rules: CallConstraint, seed: int, budget: int, utterance: str, sharp: float) -> tuple[list[int], bool]:
    """A model of random logits; `sharp` prefers low ids, which are single bytes, and so makes long strings."""
    random = np.random.default_rng(seed)
    choose = rules.sampler(Sampler(temperature=1.0, seed=seed), utterance, budget)
    ids: list[int] = []
    for _ in range(budget):
        logits = random.standard_normal(rules.vocab_size) * 3 - sharp * np.arange(rules.vocab_size) / 50
        token = choose(logits.astype(np.float32))
        if token == STOP:
            return ids, True
        ids.append(token)
    return ids, False


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# function -> required keys, and what each key may hold
LEGAL: dict[str | None, tuple[set[str], dict[str, Callable[[Any], bool]]]] = {
    None: (set(), {}),
    "stop": (set(), {}),
    "stop_all": (set(), {}),
    "set_light": (
        {"name"},
        {
            "name": lambda value: isinstance(value, str),
            "brightness": lambda value: is_integer(value) and 0 <= value <= 100,
            "colour": lambda value: value in ("red", "reddish", 'light "blue"', "grün"),
            "on": lambda value: isinstance(value, bool),
        },
    ),
    "set_heat": (
        {"temperature"},
        {
            "temperature": is_number,
            "area": lambda value: value is None or isinstance(value, str),
            "step": lambda value: value in ("up", "down") or is_integer(value),
        },
    ),
}


def validate(text: str) -> Any:
    """Parses strictly, checks the canonical spelling, and the arguments against what TOOLS says, in plain words."""
    call = json.loads(text)
    assert list(call) == ["name", "arguments"]
    assert list(call["arguments"]) == sorted(call["arguments"])
    arguments = call["arguments"]
    required, legal = LEGAL[call["name"]]
    assert required <= arguments.keys() <= legal.keys()
    for key, value in arguments.items():
        assert legal[key](value), (key, value)
    numbers = [value for value in call["arguments"].values() if isinstance(value, float)]
    if not numbers:  # a float's spelling is its own
        assert json.dumps(call, ensure_ascii=False, separators=(",", ":")) == text
    return call


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 10**6), st.integers(40, 120), st.booleans(), st.sampled_from([0.0, 1.0, 4.0]))
@example(0, 40, True, 0.0)
def test_any_walk_ends_in_a_valid_call(seed: int, budget: int, substrings: bool, sharp: float) -> None:
    """40 ids hold the shortest call, {"name":null,"arguments":{}}, spelled byte by byte, and the stop id."""
    ids, stopped = walk(constraint(substrings), seed, budget, UTTERANCE, sharp)
    assert stopped
    text = b"".join(constraint().tokens[token] for token in ids).decode()  # strict: whole characters
    call = validate(text)
    assert tokenizer().decode(ids) == text
    if substrings:
        for key in ("name", "area"):
            value = call["arguments"].get(key)
            assert value is None or value in UTTERANCE


def test_walks_reach_every_function_and_kind_of_value() -> None:
    """The property above would hold for an automaton that only ever says null, too."""
    seen: dict[str, set[str]] = {}
    for seed in range(150):
        ids, _ = walk(constraint(), seed, 400, UTTERANCE, 0.0)
        call = json.loads(b"".join(constraint().tokens[token] for token in ids))
        for key, value in call["arguments"].items():
            seen.setdefault(f"{call['name']}.{key}", set()).add(type(value).__name__)
        seen.setdefault(str(call["name"]), set())
    assert {"set_light", "set_heat", "stop_all", "stop", "None"} <= seen.keys()
    assert seen["set_light.on"] == {"bool"}
    assert seen["set_heat.area"] >= {"str"}
    assert seen["set_heat.step"] == {"str", "int"}
    assert seen["set_heat.temperature"] == {"int", "float"}


VALID = [
    *(line for line in TEXTS[:2]),
    '{"name":null,"arguments":{}}',
    '{"name":"stop","arguments":{}}',
    '{"name":"set_light","arguments":{"name":""}}',
    '{"name":"set_light","arguments":{"name":"a \\"b\\" \\\\ \\n \\u001f é 🍳 \U0010ffff"}}',
    '{"name":"set_light","arguments":{"brightness":100,"colour":"light \\"blue\\"","name":"x"}}',
    '{"name":"set_heat","arguments":{"area":null,"step":-3,"temperature":-0.5}}',
]
INVALID = {
    "white space": '{"name": "stop","arguments":{}}',
    "unknown function": '{"name":"stopp","arguments":{}}',
    "unknown key": '{"name":"stop_all","arguments":{"x":1}}',
    "required key missing": '{"name":"set_light","arguments":{"on":true}}',
    "keys not sorted": '{"name":"set_light","arguments":{"name":"x","brightness":1}}',
    "key twice": '{"name":"set_light","arguments":{"name":"x","name":"x"}}',
    "not in the enumeration": '{"name":"set_light","arguments":{"colour":"re","name":"x"}}',
    "above the maximum": '{"name":"set_light","arguments":{"brightness":101,"name":"x"}}',
    "below the minimum": '{"name":"set_light","arguments":{"brightness":-1,"name":"x"}}',
    "fraction for an integer": '{"name":"set_light","arguments":{"brightness":1.0,"name":"x"}}',
    "leading zero": '{"name":"set_heat","arguments":{"temperature":01}}',
    "minus zero": '{"name":"set_heat","arguments":{"step":-0,"temperature":1}}',
    "exponent": '{"name":"set_heat","arguments":{"temperature":1e3}}',
    "text for a number": '{"name":"set_heat","arguments":{"temperature":"1"}}',
    "control character": '{"name":"set_light","arguments":{"name":"a\nb"}}',
    "other escape": '{"name":"set_light","arguments":{"name":"\\u0041"}}',
    "lone surrogate": '{"name":"set_light","arguments":{"name":"\\ud800"}}',
    "text after the call": '{"name":"stop","arguments":{}} ',
    "cut off": '{"name":"stop","arguments":{}',
    "arguments for no function": '{"name":null,"arguments":{"x":1}}',
}


@pytest.mark.parametrize("text", VALID)
def test_valid_calls_are_accepted(text: str) -> None:
    assert accepts(constraint(), text)
    json.loads(text)
    state = constraint().automaton.start("")
    for token in tokenizer().encode(text, add_special_tokens=False).ids:  # by the tokens of training, too
        following = constraint().after(state, token)
        assert following is not None
        assert constraint().mask(state)[token]
        state = following
    assert np.flatnonzero(constraint().mask(state)).tolist() == [STOP]


@pytest.mark.parametrize("reason", INVALID)
def test_other_texts_are_refused(reason: str) -> None:
    assert not accepts(constraint(), INVALID[reason])


@pytest.mark.parametrize(
    "spoiled",
    [b"\xff", b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xc3\x22"],
)
def test_bytes_that_are_no_text_are_refused(spoiled: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        spoiled.decode()
    state: Any = constraint().automaton.start("")
    for byte in b'{"name":"set_light","arguments":{"name":"' + spoiled + b'"':
        state = state and constraint().automaton.step(state, byte)
    assert state is None


@pytest.mark.parametrize(
    ("value", "legal"),
    [
        ("old", True),
        ('\\"old\\"', True),
        ("lamp in the Küche", True),
        ("10 %", True),
        ("🍳", True),
        ("%", True),
        ("OLD", False),  # the exact spelling
        ("ol", False),  # half a word
        ("amp", False),
        ("lamp ", False),  # white space at the end
        ("", False),
        ("lamp Küche", False),
    ],
)
def test_open_values_are_excerpts_on_request(value: str, legal: bool) -> None:
    text = '{"name":"set_light","arguments":{"name":"' + value + '"}}'
    assert accepts(constraint(True), text, UTTERANCE) == legal
    assert accepts(constraint(), text, UTTERANCE)
    assert not accepts(constraint(True), text, "something else")


def test_scripts_without_spaces_may_be_cut_anywhere() -> None:
    assert accepts(constraint(True), '{"name":"set_light","arguments":{"name":"厨房"}}', "打开厨房的灯")


@pytest.mark.parametrize("allowed", [(0, 100), (-5, 12), (37, 37), (-20, -7), (99, None), (None, -3), (None, 250)])
def test_bounded_integers_are_those_between_the_bounds(allowed: tuple[int | None, int | None]) -> None:
    low, high = (None if bound is None else bound * 10**9 for bound in allowed)
    start = Number(Range(True, low, high))
    for value in range(-300, 300):
        inside = (allowed[0] is None or allowed[0] <= value) and (allowed[1] is None or value <= allowed[1])
        state: Number | None = start
        costs = [start.left]
        for letter in str(value):
            state = state.step(ord(letter)) if state else None
            costs.append(state.left if state else -1)
        assert (state is not None and state.complete) == inside, value
        if inside:
            assert all(0 <= cost <= len(str(value)) - done for done, cost in enumerate(costs)), (value, costs)


@settings(max_examples=200, deadline=None)
@given(st.decimals(-3, 3, places=3), st.decimals(-3, 3, places=3), st.decimals(-4, 4, places=2))
def test_bounded_decimals_never_lead_into_a_dead_end(one: Any, other: Any, wanted: Any) -> None:
    """A greedy walk along the digits of `wanted`, with the nearest legal digit where it is refused."""
    low, high = sorted((one, other))
    state = Number(Range(False, int(low * 10**9), int(high * 10**9)))
    for position in range(25):
        if state.complete and position >= len(str(wanted)):
            break
        letters = str(wanted)[position : position + 1] + "0123456789.-"
        following = next((n for n in (state.step(ord(letter)) for letter in letters) if n is not None), None)
        if following is None:
            break
        state = following
    assert state.complete
    assert low <= type(low)(state.text) <= high


@pytest.mark.parametrize("negative", [False, True])
def test_an_open_bound_holds_for_what_a_double_keeps_of_the_number(negative: bool) -> None:
    """99999999.999999999 is the double 100000000."""
    bounds = {"exclusiveMinimum": -100_000_000} if negative else {"exclusiveMaximum": 100_000_000}
    tools = [{"name": "f", "parameters": {"properties": {"n": {"type": "number"} | bounds}}}]
    rules = CallConstraint(tools, byte_level(), 420, [STOP])
    sign = "-" if negative else ""
    for digits, legal in (("99999999.9999999", True), ("99999999.99999999", False), ("99999999.999999999", False)):
        assert accepts(rules, '{"name":"f","arguments":{"n":' + sign + digits + "}}") == legal
    assert abs(float("99999999.9999999")) < 100_000_000 == float("99999999.999999999")


@settings(max_examples=300, deadline=None)
@given(st.integers(-(10**16), 10**16), st.integers(0, 10**7), st.integers(0, 9), st.randoms(use_true_random=False))
def test_bounds_of_any_size_never_lead_into_a_dead_end(least: int, width: int, places: int, random: Any) -> None:
    """A random walk; `left` promises an end, and each step towards it is open."""
    low, high = least * 10**places, (least + width) * 10**places
    state = Number(Range(False, low, high))
    if all(state.step(byte) is None for byte in b"-0123456789"):
        return
    while not state.complete or random.random() < 0.8:
        steps = [state.step(byte) for byte in b"-.0123456789"]
        legal = [following for following in steps if following is not None]
        if state.complete and not legal:
            break
        assert state.complete or min(following.left for following in legal) == state.left - 1, state.text
        state = random.choice(legal)
    value = Decimal(state.text)
    assert low <= value * 10**9 <= high
    assert len(state.text.strip("-").replace(".", "")) <= 15
    assert Decimal(repr(float(state.text))) == value  # nothing was rounded away


def test_a_tight_budget_still_gives_a_whole_call() -> None:
    """A model that would write an endless string is brought to its end in time."""
    rules = constraint()
    budget = 90
    choose = rules.sampler(Sampler(), "", budget)
    wanted = tokenizer().encode('{"name":"set_light","arguments":{"name":"' + "aaa " * 99, add_special_tokens=False).ids
    ids: list[int] = []
    for step in range(budget):
        logits = np.zeros(rules.vocab_size, dtype=np.float32)
        logits[wanted[min(step, len(wanted) - 1)]] = 9.0
        ids.append(choose(logits))
        if ids[-1] == STOP:
            break
    text = tokenizer().decode(ids[:-1])
    assert ids[-1] == STOP
    assert validate(text)["arguments"]["name"].startswith("aaa aaa")
    assert len(ids) > budget - 5
    assert choose.refused >= 1


def test_a_budget_below_any_call_is_used_up() -> None:
    """One id cannot hold a call and the stop id."""
    ids, stopped = walk(constraint(), 1, 1, "", 0.0)
    assert not stopped
    assert len(ids) == 1


def test_greedy_choice_is_the_best_legal_token() -> None:
    rules, logits = constraint(), np.arange(constraint().vocab_size, dtype=np.float32)
    choose = rules.sampler(Sampler(), "", 99)
    legal = rules.mask(rules.automaton.start(""))
    assert not legal[-1]
    assert choose(logits) == np.flatnonzero(legal).max()


@pytest.mark.parametrize("seed", range(8))
def test_greedy_choices_are_those_of_the_mask(seed: int) -> None:
    """At every step: the best of the legal tokens, whether it is among the likeliest or far down."""
    rules, random = constraint(True), np.random.default_rng(seed)
    choose = rules.sampler(Sampler(), UTTERANCE, 10_000)
    for _ in range(200):
        state = choose.state
        logits = random.standard_normal(rules.vocab_size).astype(np.float32)
        token = choose(logits)
        if token == STOP:
            break
        assert token == int(np.argmax(np.where(rules.mask(state), logits, -np.inf)))
    assert choose.state.final


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
