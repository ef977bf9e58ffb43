"""The allowed tokens against llguidance, which is given the same calls as a grammar written out by hand."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from mobile.runtime import CallConstraint
from tests.mobile.call_tools import STOP, TOOLS, byte_level

llguidance = pytest.importorskip("llguidance", reason="the oracle; install the extra: pip install -e '.[dev]'")

# Every order and choice of keys that TOOLS allows. A string is free text with json.dumps' escapes only.
# `no_forcing`: else llguidance allows only one spelling in tokens where the bytes are forced, which is its own choice.
GRAMMAR = r"""
%llguidance { "no_forcing": true }
start: "{\"name\":" call "}"
call: "null,\"arguments\":{}"
  | "\"stop\",\"arguments\":{}"
  | "\"stop_all\",\"arguments\":{}"
  | "\"set_light\",\"arguments\":{" brightness? colour? "\"name\":" STRING on? "}"
  | "\"set_heat\",\"arguments\":{" area? step? "\"temperature\":" DECIMAL "}"
brightness: "\"brightness\":" /[0-9]|[1-9][0-9]|100/ ","
colour: "\"colour\":" ("\"red\"" | "\"reddish\"" | "\"light \\\"blue\\\"\"" | "\"grün\"") ","
on: ",\"on\":" ("true" | "false")
area: "\"area\":" (STRING | "null") ","
step: "\"step\":" ("\"up\"" | "\"down\"" | INTEGER) ","
STRING: /"([^"\\\x00-\x1F]|\\["\\bfnrt]|\\u00(0[0-7bef]|1[0-9a-f]))*"/
INTEGER: /0|-?[1-9][0-9]{0,14}/
DECIMAL: /0|-?[1-9][0-9]{0,14}|-?(0|[1-9][0-9]{0,14})\.(0|[0-9]{0,8}[1-9])/
"""


@cache
def pair() -> tuple[CallConstraint, Any]:
    contents = byte_level()
    width = max(contents["model"]["vocab"].values()) + 1
    tokenizer = llguidance.LLTokenizer(json.dumps(contents), n_vocab=width, eos_token=STOP)
    return CallConstraint(TOOLS, contents, width, [STOP]), tokenizer


def oracle_mask(matcher: Any, width: int) -> Any:
    return np.frombuffer(matcher.compute_logit_bias(), dtype=np.uint8)[:width] > 0


@pytest.mark.parametrize("seed", range(25))
def test_masks_equal_llguidance(seed: int) -> None:
    """Along random legal walks, at every step: the whole mask."""
    rules, tokenizer = pair()
    matcher = llguidance.LLMatcher(tokenizer, llguidance.LLMatcher.grammar_from_lark(GRAMMAR))
    assert not matcher.get_error()
    random = np.random.default_rng(seed)
    state = rules.automaton.start("")
    for step in range(60):
        mask = rules.mask(state)
        differing = np.flatnonzero(mask != oracle_mask(matcher, rules.vocab_size))
        assert differing.size == 0, (step, [(int(i), rules.tokens.get(int(i)), bool(mask[i])) for i in differing[:9]])
        legal = np.flatnonzero(mask)
        token = int(random.choice(legal))
        if token == STOP:
            break
        assert matcher.consume_token(token)
        following = rules.after(state, token)
        assert following is not None
        state = following


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"set_light","arguments":{"brightness":100,"colour":"light \\"blue\\"","name":"Küche 🍳","on":true}}',
        '{"name":"set_heat","arguments":{"area":null,"step":"up","temperature":-21.5}}',
    ],
)
def test_masks_equal_llguidance_along_calls(text: str) -> None:
    from tokenizers import Tokenizer

    rules, tokenizer = pair()
    matcher = llguidance.LLMatcher(tokenizer, llguidance.LLMatcher.grammar_from_lark(GRAMMAR))
    state = rules.automaton.start("")
    for token in Tokenizer.from_str(json.dumps(byte_level())).encode(text, add_special_tokens=False).ids:
        np.testing.assert_array_equal(rules.mask(state), oracle_mask(matcher, rules.vocab_size))
        following = rules.after(state, token)
        assert following is not None
        assert matcher.consume_token(token)
        state = following
    assert state.final
    assert matcher.is_accepting()
