"""Excerpts: what one utterance taught the constraint is not taken for true of the next."""

from __future__ import annotations

import json
import string
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mobile.runtime import CallConstraint
from mobile.runtime.json_terminals import Utterance
from tests.mobile.call_tools import STOP, TOOLS, byte_level

UTTERANCES = ["kitchen lamp", 'the "old" Küche', "", "Küche 50", "kitchen", "lamp kitchen lamp"]


def fresh() -> CallConstraint:
    contents = byte_level()
    return CallConstraint(TOOLS, contents, max(contents["model"]["vocab"].values()) + 1, [STOP], substrings=True)


@pytest.mark.parametrize("seed", range(4))
def test_masks_are_those_of_a_new_constraint(seed: int) -> None:
    """This vocabulary has tokens like ":"kit", which reach from a key into the excerpt after it."""
    used, random = fresh(), np.random.default_rng(seed)
    assert any(b'":"' in spelled and not spelled.endswith(b'"') for spelled in used.tokens.values())
    for utterance in random.permutation(UTTERANCES * 2).tolist():
        new = fresh()
        state, same = used.automaton.start(utterance), new.automaton.start(utterance)
        for byte in b'{"name":"set_light","arguments":{' if random.random() < 0.7 else b"":
            state, same = used.automaton.step(state, byte) or state, new.automaton.step(same, byte) or same
        for _ in range(30):
            np.testing.assert_array_equal(used.mask(state), new.mask(same))
            legal = np.flatnonzero(new.mask(same))
            token = int(random.choice(legal)) if legal.size else STOP
            after, other = used.after(state, token), new.after(same, token)
            assert (after is None) == (other is None)
            if after is None or other is None:
                break
            assert used.left(after) == new.left(other)
            state, same = after, other


@pytest.mark.parametrize("seed", range(6))
def test_masks_hold_the_tokens_that_can_be_taken(seed: int) -> None:
    """The mask is made along a trie and the utterance; a token is followed by its bytes. Both agree on every one."""
    rules, random = fresh(), np.random.default_rng(seed)
    state = rules.automaton.start(UTTERANCES[seed])
    for byte in b'{"name":"set_light","arguments":{"name":"':
        state = rules.automaton.step(state, byte) or state
    for _ in range(40):
        if state.final:
            break
        taken = [rules.after(state, token) is not None for token in range(rules.vocab_size)]
        np.testing.assert_array_equal(rules.mask(state), taken)
        if not any(taken):
            break
        state = rules.after(state, int(random.choice(np.flatnonzero(taken)))) or state


@pytest.mark.parametrize("utterance", UTTERANCES)
def test_several_bytes_at_once_are_single_steps(utterance: str) -> None:
    rules = fresh()
    start = rules.automaton.start(utterance)
    for byte in b'{"name":"set_light","arguments":{"name":"':
        start = rules.automaton.step(start, byte) or start
    for spelled in {piece for piece in rules.tokens.values() if piece}:
        at = start
        for byte in spelled:
            at = at and rules.automaton.step(at, byte)
        assert rules.automaton.advance(start, spelled) is at


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=string.printable + "é厨房🍳ǅ٣\u00a0\u0301", max_size=24))
@example("don't  stop 厨房a b")
def test_borders_of_words(text: str) -> None:
    """By the definition: no white space at the edges, and no cut between two letters or digits."""
    utterance = Utterance(text)
    excerpts = set()
    for first in range(len(text)):
        for last in range(first, len(text)):
            cut = text[first : last + 1]
            if not (cut[0].isspace() or cut[-1].isspace() or joined(text, first - 1) or joined(text, last)):
                excerpts.add((len(encoded(text[:first])), len(encoded(text[: last + 1]))))
    assert {(at, end) for at in utterance.starts for end in utterance.ends if at < end} == excerpts


def joined(text: str, at: int) -> bool:
    """Whether the letters at `at` and after it belong to one word; "厨" and "房" have the category Lo, and do not."""
    pair = text[at : at + 2] if at >= 0 else ""
    return len(pair) == 2 and all(letter.isalnum() and unicodedata.category(letter) != "Lo" for letter in pair)


def encoded(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False)[1:-1].encode()
