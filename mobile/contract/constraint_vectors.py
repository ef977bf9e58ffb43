"""Vectors of constrained decoding: which ids may come next, what is no call, and whole answers on made-up logits."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile.contract.prebuilt import Prebuilt
from mobile.runtime.automaton import State
from mobile.runtime.call_grammar import CallGrammar, parse_tools
from mobile.runtime.constraint import CallConstraint
from mobile.runtime.errors import ModelError
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
    '{"name":"HassClimateSetTemperature","arguments":{"temperature":99999999.12345678}}',
    '{"name":"HassClimateSetTemperature","arguments":{"temperature":-123456789012345.1}}',
    '{"name":"HassClimateSetTemperature","arguments":{"temperature":0.1234567891}}',
]  # fmt: skip
CUT = [  # under `substrings` only: values that the text does not hold, or holds inside a word
    ("turn on the kitchen lights", '{"name":"HassTurnOn","arguments":{"area":"garage"}}'),
    ("turn on the kitchen lights", '{"name":"HassTurnOn","arguments":{"area":"kitch"}}'),
    ("turn on the kitchen lights", '{"name":"HassTurnOn","arguments":{"area":"itchen"}}'),
    ("turn on the kitchen lights", '{"name":"HassTurnOn","arguments":{"area":""}}'),
    ("turn on the kitchen lights", '{"name":"HassTurnOn","arguments":{"area":"the "}}'),
    ("", '{"name":"HassTurnOn","arguments":{"area":"kitchen"}}'),
]
# One state under two texts: a token such as `","` may open, fill and close a value at once, in the first text only.
BEFORE_A_VALUE = '{"name":"HassTurnOn","arguments":{"area":'
TWO_TEXTS = ("lights, please", "turn on the light")
BUDGETS = (8, 12, 20, 28, 40, 64)

# JSON text of the schema of one argument, by whether it can be guaranteed.
SCHEMAS: dict[bool, list[str]] = {
    True: [
        '{}', 'true', '{"type":"string","minLength":3,"maxLength":3}', '{"type":"string","minLength":2.0}',
        '{"type":["string","null"],"maxLength":0}', '{"$ref":"#/$defs/n","description":"a number"}',
        '{"anyOf":[{"type":"integer","minimum":5},{"type":"integer","maximum":-5}],"title":"not small"}',
        '{"type":"number","minimum":1,"maximum":1}', '{"type":"number","exclusiveMinimum":1,"maximum":1.000000001}',
        '{"type":"number","exclusiveMinimum":99999999.9999998,"exclusiveMaximum":100000000}',
        '{"type":"number","exclusiveMinimum":-100000000,"maximum":-99999999.9999999}',
        '{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":2}', '{"enum":["é",null,20.0,[1,{"a":true}]]}',
        '{"const":"a","type":"string"}', '{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":2}',
        '{"type":"object","properties":{},"required":[]}', '{"enum":[1,2],"type":["integer","string"]}',
    ],
    False: [
        '{"type":"integer","anyOf":[{"minimum":5},{"maximum":-5}]}', '{"type":"string","anyOf":[{"enum":["a"]}]}',
        '{"$ref":"#/$defs/n","maximum":3}', '{"$ref":"#/$defs/n","type":"string"}', '{"$ref":"#/$defs/m","enum":[1]}',
        '{"$ref":"#/$defs/o"}', '{"$ref":"#/$defs/l"}', '{"$ref":"#/$defs/x"}', '{"$ref":null}',
        '{"type":"number","exclusiveMinimum":1,"maximum":1}', '{"type":"number","minimum":2,"maximum":1}',
        '{"type":"number","exclusiveMinimum":99999999.9999999,"exclusiveMaximum":100000000}',
        '{"type":"number","exclusiveMinimum":100000000000000,"exclusiveMaximum":100000000000001}',
        '{"type":"number","exclusiveMinimum":999999999999999}',
        '{"type":"integer","exclusiveMinimum":1,"exclusiveMaximum":2}',
        '{"type":"integer","minimum":0.5,"maximum":0.6}',
        '{"type":"string","minLength":5,"maxLength":3}', '{"type":"array","minItems":2,"maxItems":1}',
        '{"anyOf":[]}', '{"anyOf":{"type":"string"}}', '{"anyOf":null}', '{"enum":[]}', '{"enum":"abc"}',
        '{"enum":null}', '{"type":[]}', '{"type":null}', '{"type":7}', '{"type":[["string"]]}', '{"type":[null]}',
        '{"type":"text"}', '{"const":1,"type":"text"}', '{"type":"string","maxLength":"10"}',
        '{"type":"string","maxLength":null}', '{"type":"string","maxLength":-1}', '{"type":"string","minLength":1.5}',
        '{"type":"string","minLength":true}', '{"type":"string","maxLength":1e400}', '{"type":"array","maxItems":[]}',
        '{"type":"integer","minimum":"5"}', '{"type":"number","maximum":null}', '{"type":"number","maximum":true}',
        '{"type":"number","exclusiveMaximum":1e400}', '{"enum":[1e400]}', '{"const":"\\ud800"}',
        '{"enum":[{"\\udc00":1}]}', '{"enum":[NaN]}', '{"const":Infinity}', '{"type":"object","properties":[]}',
        '{"type":"object","properties":null}', '{"type":"object","properties":{"\\ud800":{}}}',
        '{"type":"object","properties":{"a":{}},"required":"a"}',
        '{"type":"object","properties":{"a":{}},"required":null}',
        '{"type":"object","properties":{"a":{}},"required":["b"]}', '{"type":"object","properties":{"a":1}}',
        '{"type":"array","items":null}', '{"type":"array","items":[{"type":"string"}]}', 'false', 'null', '[]', '7',
        '1e400',
        '{"type":"string","minimum":1}', '{"type":"string","pattern":"a"}', '{"const":1,"minimum":1}',
    ],
}  # fmt: skip
DEFINITIONS = (
    '{"n":{"type":"integer"},"m":{"$ref":"#/$defs/n"},"o":{"$ref":"#/$defs/n","minimum":1},"l":{"$ref":"#/$defs/l"}}'
)


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
        ]
        + [
            _allowed_case(modes["substrings"], "substrings", text, prebuilt.tokenizer.text(BEFORE_A_VALUE))
            for text in TWO_TEXTS
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
        "schemas": [_schema_case(tools_text(schema), taken) for taken, schemas in SCHEMAS.items() for schema in schemas]
        + [_schema_case('[{"name":"\\ud800"}]', False)],
    }


def tools_text(schema: str) -> str:
    """A tools.json of one function whose one argument has the schema."""
    return f'[{{"name":"f","parameters":{{"properties":{{"x":{schema}}},"$defs":{DEFINITIONS}}}}}]'


def _schema_case(text: str, taken: bool) -> dict[str, Any]:
    try:
        CallGrammar(parse_tools(text))
        found = True
    except ModelError:
        found = False
    if found != taken:
        raise AssertionError(f"{text} is {'taken' if found else 'refused'}")
    return {"tools": text, "taken": taken}


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
        "ids": ids, "stopped": stopped, "refused": sampler.refused, "squeezed": sampler.squeezed,
    }  # fmt: skip
