"""Vectors of constrained decoding: which ids may come next, what is no call, and whole answers on made-up logits."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile.contract.prebuilt import Prebuilt
from mobile.runtime.automaton import State
from mobile.runtime.constraint import CallConstraint
from mobile.runtime.sampler import Sampler

LISTED = 24  # sets up to this size are written out
EVERY = 3  # of the prefixes of a call, one in so many becomes a case

# What a user said, and calls that answer it (under `substrings`: with values of the text).
CALLS = [
    ("turn on the kitchen lights", '{"name":"HassTurnOn","arguments":{"area":"kitchen","domain":"light"}}'),
    ("dim the reading lamp to 20%", '{"name":"HassLightSet","arguments":{"brightness":20,"name":"reading lamp"}}'),
    ("who won the world cup", '{"name":null,"arguments":{}}'),
    (
        "set the Küche to -20.5 degrees",
        '{"name":"HassClimateSetTemperature","arguments":{"area":"Küche","temperature":-20.5}}',
    ),
    (
        'add "old" milk \\ tea 🍳 to my list',
        '{"name":"HassListAddItem","arguments":{"item":"\\"old\\" milk \\\\ tea 🍳","name":"list"}}',
    ),
    ("put 打开厨房的灯 on my list", '{"name":"HassShoppingListAddItem","arguments":{"item":"厨房"}}'),
    ("turn the volume up by ten", '{"name":"HassSetVolumeRelative","arguments":{"volume_step":"up"}}'),
    ("volume down 30", '{"name":"HassSetVolumeRelative","arguments":{"volume_step":-30}}'),
    (
        "start a 10 minute timer\ncalled <|im_end|>",
        '{"name":"HassStartTimer","arguments":{"minutes":10,"name":"<|im_end|>"}}',
    ),
    ("e\u0301t\u0301e and x\u00a0y", '{"name":"HassTurnOff","arguments":{"name":"x\u00a0y"}}'),
]

# Answers that are no call of tools.json, or not in its one spelling.
REFUSED = [
    '{"name":"HassExplode"}', '{"arguments":{}}', ' {"name":null',
    '{"name":"HassTurnOn","arguments":{"domain":"light","area":"kitchen"}}', '{"name": "HassTurnOn"}',
    '{"name":"HassTurnOn","arguments":{"domain":"oven"}}', '{"name":"HassSetPosition","arguments":{}}',
    '{"name":"HassFanSetSpeed","arguments":{"percentage":1.5}}',
    '{"name":"HassFanSetSpeed","arguments":{"percentage":07}}',
    '{"name":"HassLightSet","arguments":{"brightness":-0}}', '{"name":null,"arguments":{}} ',
    '{"name":null,"arguments":{"area":"x"}}',
    '{"name":"HassBroadcast","arguments":{"message":"a\nb"}}', '{"name":"HassBroadcast","arguments":{"message":7}}',
    '{"name":"HassTurnOn","arguments":{"area":"kitchen","area":"hall"}}',
    '{"name":"HassBroadcast","arguments":{"message":"\\u0041"}}',
    '{"name":"HassClimateSetTemperature","arguments":{"temperature":1e3}}',
]  # fmt: skip
CUT = [  # under `substrings` only: values that the text does not hold, or holds inside a word
    ("turn on the kitchen lights", '{"name":"HassTurnOn","arguments":{"area":"garage"}}'),
    ("turn on the kitchen lights", '{"name":"HassTurnOn","arguments":{"area":"kitch"}}'),
    ("turn on the kitchen lights", '{"name":"HassTurnOn","arguments":{"area":"itchen"}}'),
    ("turn on the kitchen lights", '{"name":"HassTurnOn","arguments":{"area":""}}'),
    ("turn on the kitchen lights", '{"name":"HassTurnOn","arguments":{"area":"the "}}'),
    ("", '{"name":"HassTurnOn","arguments":{"area":"kitchen"}}'),
]
BUDGETS = (8, 12, 20, 28, 40, 64)


def constraint_vectors(prebuilt: Prebuilt) -> dict[str, Any]:
    modes = prebuilt.constraints
    return {
        "about": "What the user said and the answer so far to the ids that may come next.",
        "inputs": prebuilt.sha256("tokenizer.json", "tools.json"),
        "vocab_size": prebuilt.bundle.vocab_size,
        "stop_ids": prebuilt.bundle.stop_ids,
        "cases": [
            _allowed_case(rules, mode, text, ids)
            for mode, rules in modes.items()
            for text, call in CALLS
            for ids in _prefixes(prebuilt.tokenizer.text(call))
        ],
        "refused": [
            *(_refused_case(prebuilt, mode, CALLS[0][0], answer) for mode in modes for answer in REFUSED),
            *(_refused_case(prebuilt, "substrings", *case) for case in CUT),
        ],
        "walks": [
            _walk(rules, mode, text, budget, seed)
            for mode, rules in modes.items()
            for seed, (text, _) in enumerate(CALLS)
            for budget in (BUDGETS if seed < 3 else BUDGETS[-3:])
        ],
    }


def made_up_logits(vocab_size: int, step: int, seed: int) -> npt.NDArray[np.float32]:
    """Logits [V] that every language can make: 24 bits of a 32-bit mixture, exact in float32."""
    mixed = (np.arange(vocab_size, dtype=np.uint64) * 2654435761 + step * 40503 + seed * 69069) % 2**32
    return ((mixed >> np.uint64(8)).astype(np.float64) / 2**24).astype(np.float32)


def _prefixes(ids: list[int]) -> list[list[int]]:
    """Nothing, the whole, and some in between."""
    return [ids[:length] for length in sorted({0, len(ids) - 1, len(ids), *range(1, len(ids), EVERY)})]


def _allowed_case(rules: CallConstraint, mode: str, text: str, ids: list[int]) -> dict[str, Any]:
    state, read = _after(rules, text, ids)
    if read < len(ids):
        raise AssertionError(f"{text!r}: id {read} of {ids} is not allowed under {mode}")
    allowed = np.flatnonzero(rules.mask(state)).astype("<i4")
    case = {"mode": mode, "text": text, "ids": ids, "complete": state.final, "count": len(allowed)}
    if len(allowed) <= LISTED:
        return case | {"allowed": allowed.tolist()}
    return case | {"sha256": hashlib.sha256(allowed.tobytes()).hexdigest()}


def _refused_case(prebuilt: Prebuilt, mode: str, text: str, answer: str) -> dict[str, Any]:
    ids = prebuilt.tokenizer.text(answer)
    _, read = _after(prebuilt.constraints[mode], text, ids)
    if read == len(ids):
        raise AssertionError(f"{answer!r} is a call or the beginning of one under {mode}")
    return {"mode": mode, "text": text, "ids": ids, "at": read}


def _after(rules: CallConstraint, text: str, ids: list[int]) -> tuple[State, int]:
    """The state after the ids, and how many of them were allowed."""
    state = rules.automaton.start(text)
    for index, token in enumerate(ids):
        following = rules.after(state, token)
        if following is None:
            return state, index
        state = following
    return state, len(ids)


def _walk(rules: CallConstraint, mode: str, text: str, max_new_tokens: int, seed: int) -> dict[str, Any]:
    sampler = rules.sampler(Sampler(), text, max_new_tokens)
    ids: list[int] = []
    stopped = False
    for step in range(max_new_tokens):
        token = sampler(made_up_logits(rules.vocab_size, step, seed))
        if token in rules.stop_ids:
            stopped = True
            break
        ids.append(token)
    return {
        "mode": mode, "text": text, "max_new_tokens": max_new_tokens, "seed": seed,
        "ids": ids, "stopped": stopped, "refused": sampler.refused,
    }  # fmt: skip
