"""The room of a call is counted in tokens: what a budget holds, and that it is never overdrawn."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from mobile.runtime import CallConstraint, Sampler
from mobile.runtime.automaton import State
from mobile.runtime.completion import Completion
from mobile.runtime.json_terminals import NO_END, Utterance
from tests.mobile.call_tools import STOP, TOOLS, byte_level

PREBUILT = Path(__file__).parents[2] / "mobile" / "prebuilt" / "small"
UTTERANCE = "put the extraordinarily heavy lamp  in the Küche "


@cache
def constraint(substrings: bool = False) -> CallConstraint:
    contents = byte_level()
    return CallConstraint(TOOLS, contents, max(contents["model"]["vocab"].values()) + 1, [STOP], substrings)


@cache
def shipped(kind: str = "schema") -> CallConstraint:
    contents = json.loads((PREBUILT / "tokenizer.json").read_text())
    tools = json.loads((PREBUILT / "tools.json").read_text())
    bundle = json.loads((PREBUILT / "bundle.json").read_text())
    return CallConstraint(tools, contents, bundle["vocab_size"], bundle["stop_ids"], kind == "substrings")


def legal_after(rules: CallConstraint, state: State) -> list[State]:
    following = (rules.after(state, int(token)) for token in np.flatnonzero(rules.mask(state)))
    return [after for after in following if after is not None]


def test_the_fewest_tokens_of_fixed_bytes() -> None:
    """By hand: "aab" + "c" is shorter than the greedy "aa" + "b" + "c" or the single bytes."""
    completion = Completion([b"a", b"b", b"c", b"aa", b"aab"])
    assert [completion.fixed(data) for data in (b"", b"c", b"ab", b"aabc", b"aaaab", b"aaaaa")] == [0, 1, 2, 2, 2, 3]
    assert completion.fixed(b"ax") >= NO_END


def true_shortest(rules: CallConstraint, state: State) -> int:
    """Breadth first over the automaton's own tokens: the real number of tokens to the end."""
    border, seen, steps = [state], {state}, 0
    while not any(each.final for each in border):
        following = {after for each in border for after in legal_after(rules, each)} - seen
        border, steps = list(following), steps + 1
        seen |= following
    return steps


@pytest.mark.parametrize("substrings", [False, True])
@pytest.mark.parametrize(
    "text", ['{"name":"', '{"name":"set_light","arguments":{', '{"name":"set_heat","arguments":{"area":']
)
def test_the_bound_is_never_too_small_and_near(text: str, substrings: bool) -> None:
    rules = constraint(substrings)
    state: Any = rules.automaton.start(UTTERANCE)
    for byte in text.encode():
        state = rules.automaton.step(state, byte)
    shortest = true_shortest(rules, state)
    assert shortest <= rules.left(state) <= 2 * shortest + 4  # a part may end inside a token: the bound misses that


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_some_token_always_brings_the_end_nearer(seed: int, substrings: bool) -> None:
    """What the promise rests on: were there a state without such a token, a budget could be overdrawn there."""
    rules, random = constraint(substrings), np.random.default_rng(seed)
    state = rules.automaton.start(UTTERANCE)
    for _ in range(40):
        if state.final:
            assert rules.left(state) == 0
            return
        following = legal_after(rules, state)
        assert min(map(rules.left, following)) < rules.left(state)
        state = following[random.integers(len(following))]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 30), st.booleans())
def test_the_smallest_budget_that_holds_a_call_is_enough(seed: int, more: int, substrings: bool) -> None:
    rules, random = constraint(substrings), np.random.default_rng(seed)
    start = rules.automaton.start(UTTERANCE)
    budget = rules.left(start) + 1 + more
    choose = rules.sampler(Sampler(temperature=1.0, seed=seed), UTTERANCE, budget)
    ids = []
    for _ in range(budget):
        ids.append(choose(random.standard_normal(rules.vocab_size).astype(np.float32)))
        if ids[-1] == STOP:
            break
    assert ids[-1] == STOP
    json.loads(b"".join(rules.tokens[token] for token in ids[:-1]))


@pytest.mark.parametrize(
    ("choices", "squeezed"),
    [
        (["roomy"], False),
        (["illegal", "roomy"], False),
        (["illegal", "tight", "roomy"], True),
        (["tight", "roomy"], True),
        (["tight", "tight", "roomy"], True),
    ],
)
def test_squeezed_is_a_legal_choice_that_was_not_taken(choices: list[str], squeezed: bool) -> None:
    """A random sampler chooses anew each time it is asked: here it follows a script."""
    rules = constraint()
    budget = rules.left(rules.automaton.start(UTTERANCE)) + 1  # the smallest that holds a call
    script: list[int] = []
    choose = rules.sampler(lambda _: script.pop(0), UTTERANCE, budget)
    logits = np.zeros(rules.vocab_size, dtype=np.float32)
    for room in range(budget, 0, -1):
        legal = np.flatnonzero(rules.mask(choose.state)).tolist()
        fitting = [token for token in legal if left_after(rules, choose.state, token) + 2 <= room]
        tight = [token for token in legal if token not in fitting]
        if tight:
            illegal = next(token for token in range(rules.vocab_size) if token not in legal)
            kinds = {"roomy": fitting[0], "tight": tight[0], "illegal": illegal}
            script += [kinds[choice] for choice in choices]
            assert choose(logits) == fitting[0]
            assert (script, choose.squeezed, choose.refused) == ([], squeezed, int(len(choices) > 1))
            return
        script.append(fitting[0])
        choose(logits)
    raise AssertionError("no step had a token too many")


def left_after(rules: CallConstraint, state: State, token: int) -> int:
    after = rules.after(state, token)
    assert after is not None
    return rules.left(after)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 120), st.booleans())
def test_squeezed_is_what_another_budget_would_have_said_otherwise(seed: int, budget: int, substrings: bool) -> None:
    """A greedy model that the budget let be says what it would have said with room without end, and no other does."""
    (said, squeezed), (unlimited, free) = (greedy_walk(constraint(substrings), seed, size) for size in (budget, 10_000))
    assert not free
    assert squeezed == (said != unlimited[: len(said)])


def greedy_walk(rules: CallConstraint, seed: int, budget: int) -> tuple[list[int], bool]:
    random, choose = np.random.default_rng(seed), rules.sampler(Sampler(), UTTERANCE, budget)
    ids: list[int] = []
    while len(ids) < min(budget, 200) and ids[-1:] != [STOP]:
        ids.append(choose(random.standard_normal(rules.vocab_size).astype(np.float32)))
    return ids, choose.squeezed


@pytest.mark.parametrize("kind", ["schema", "substrings"])
def test_64_tokens_allow_every_function_of_the_shipped_student(kind: str) -> None:
    """Counted in bytes, 64 new tokens forbade the long names: the longest heads have more than 40."""
    rules = shipped(kind)
    tokenizer = Tokenizer.from_file(str(PREBUILT / "tokenizer.json"))
    for tool in shipped_tools():
        properties = tool["parameters"]["properties"]
        arguments = {key: a_value(properties[key]) for key in sorted(tool["parameters"].get("required", []))}
        call = json.dumps({"name": tool["name"], "arguments": arguments}, separators=(",", ":"))
        choose = rules.sampler(Sampler(), "put the lamp up", 64)
        for token in tokenizer.encode(call, add_special_tokens=False).ids:
            logits = np.zeros(rules.vocab_size, dtype=np.float32)
            logits[token] = 9.0
            assert choose(logits) == token, (call, rules.tokens[token])
        assert choose.refused == 0
        assert choose.state.final


def a_value(schema: dict[str, Any]) -> Any:
    """A legal value, strings cut from "put the lamp up"."""
    if "anyOf" in schema:
        return a_value(schema["anyOf"][0])
    return schema["enum"][0] if "enum" in schema else {"string": "lamp", "integer": 20, "number": 20}[schema["type"]]


@pytest.mark.parametrize("utterance", ["", " ", "\n\t"])
def test_a_text_without_words_gets_a_call_without_excerpts(utterance: str) -> None:
    """No function that needs an excerpt is begun where there is nothing to cut it from."""
    for budget in (3, 64, 512):
        rules, random = shipped("substrings"), np.random.default_rng(budget)
        choose = rules.sampler(Sampler(temperature=1.0, seed=1), utterance, budget)
        ids: list[int] = []
        while len(ids) < budget and not choose.state.final:
            ids.append(choose(random.standard_normal(rules.vocab_size).astype(np.float32)))
        assert choose.state.final == (budget > 3)
        if choose.state.final:
            name = json.loads(b"".join(rules.tokens[token] for token in ids))["name"]
            assert name not in ("HassBroadcast", "HassListAddItem", "HassShoppingListAddItem", "HassVacuumReturnToBase")


def shipped_tools() -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = json.loads((PREBUILT / "tools.json").read_text())
    return tools


def test_the_distances_of_an_utterance() -> None:
    """By hand: "ab c " has ends after "ab" and "c"; the last space is no part of any excerpt."""
    utterance = Utterance("ab c ")
    assert utterance.data == b"ab c"
    assert utterance.until_end == [2, 1, 0, 1, 0]
    assert utterance.shortest == 2  # c and the closing quote
    assert Utterance("  ").shortest >= NO_END
