"""Functions, a tokenizer and walks through a constraint, for the tests of constrained decoding."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from mobile.runtime import CallConstraint, Sampler

STOP = 2

TOOLS: list[dict[str, Any]] = [
    {
        "name": "set_light",
        "parameters": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "brightness": {"type": "integer", "minimum": 0, "maximum": 100},
                "colour": {"type": "string", "enum": ["red", "reddish", 'light "blue"', "grün"]},
                "on": {"type": "boolean"},
            },
            "required": ["name"],
        },
    },
    {
        "name": "set_heat",
        "parameters": {
            "type": "object",
            "properties": {
                "temperature": {"type": "number"},
                "area": {"type": ["string", "null"]},
                "step": {"anyOf": [{"enum": ["up", "down"]}, {"type": "integer"}]},
            },
            "required": ["temperature"],
        },
    },
    {"name": "stop_all", "parameters": {"type": "object", "properties": {}, "additionalProperties": False}},
    {"name": "stop", "parameters": {}},
]

TEXTS = [
    '{"name":"set_light","arguments":{"brightness":50,"colour":"grün","name":"kitchen lamp","on":true}}',
    '{"name":"set_heat","arguments":{"area":"Küche","step":"up","temperature":21.5}}',
    '{"name":"stop_all","arguments":{}} {"name":null,"arguments":{}}',
    'set the "old" lamp in the Küche to 20 degrees, 10 % 🍳 🍳 c:\\temp',
]


def byte_level(vocabulary: int = 420) -> dict[str, Any]:
    """tokenizer.json of a byte-level BPE with tokens that cross the borders of strings, keys and characters."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    contents: dict[str, Any] = json.loads(tokenizer.to_str())
    return contents


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
