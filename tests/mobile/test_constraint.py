"""Constrained decoding: whatever the model wants, what comes out is a valid call."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from mobile.runtime import CallConstraint, Sampler
from tests.mobile.call_tools import STOP, TEXTS, TOOLS, accepts, byte_level, walk

UTTERANCE = 'set the "old" lamp in the Küche to 20 degrees, 10 % 🍳'


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.from_str(json.dumps(byte_level()))


@cache
def constraint(substrings: bool = False) -> CallConstraint:
    return CallConstraint(TOOLS, byte_level(), tokenizer().get_vocab_size(), [STOP], substrings)


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
