"""Vectors of the way from an answer to an effect: checks, names, questions, refusals."""

from __future__ import annotations

from typing import Any

from mobile.contract.prebuilt import Prebuilt
from mobile.runtime.actions import Actions
from mobile.runtime.answer import Answer
from mobile.runtime.names import key, percent

HOMES: dict[str, dict[str, Any]] = {
    "none": {},
    "flat": {
        "area": [
            "kitchen", {"name": "living room", "aliases": ["lounge", "Stube"]}, "dining room", "bathroom", "Küche",
            "guest room 1", "guest room 2",
        ],
        "floor": ["ground floor", "upstairs", "downstairs"],
        "name": [
            "reading lamp", "TV", "lamp 1", "lamp 2", {"name": "front door", "aliases": ["entrance"]},
            {"name": "back door", "aliases": ["entrance"]}, "Anna's fan", "打开灯",
        ],
        "HassListAddItem.name": ["shopping list", "todo list"],
        "HassStartTimer.name": None,
        "HassVacuumStart.name": [],
    },
    "wide": {"pick": ["red lamp"], "note": ["memo"]},
}  # fmt: skip

# Every keyword of a schema that is checked.
WIDE: list[dict[str, Any]] = [
    {
        "name": "wide",
        "description": "every keyword",
        "parameters": {
            "type": "object",
            "$defs": {"level": {"type": "integer", "minimum": 0, "maximum": 100}},
            "properties": {
                "level": {"$ref": "#/$defs/level"},
                "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "pick": {"type": ["string", "null"]},
                "note": {"type": "string", "minLength": 2, "maxLength": 4},
                "fixed": {"const": 1},
                "colour": {"enum": ["red", "grün", 5, None, False]},
                "step": {"anyOf": [{"enum": ["up", "down"]}, {"type": "integer", "minimum": -10, "maximum": 10}]},
                "days": {"type": "array", "items": {"enum": ["mon", "tue"]}, "minItems": 1, "maxItems": 2},
                "limits": {
                    "type": "object",
                    "properties": {"low": {"type": "number"}, "high": {"type": "number"}},
                    "required": ["low"],
                },
                "on": {"type": "boolean"},
                "nothing": {"type": "null"},
                "open": {},
            },
            "required": ["level"],
        },
    }
]

# (home, text of the answer) with the shipped tools
SHIPPED = [
    ("none", '{"name":"HassTurnOn","arguments":{"area":"kitchen","domain":"light"}}'),
    ("none", '{"name":null,"arguments":{}}'), ("none", ' {"arguments" : {} ,\n"name" : null}\r\n'),
    ("none", '{"name":null,"arguments":{"area":"x"}}'), ("none", ""), ("none", "Sure! Turning on the light."),
    ("none", "[]"), ("none", "null"), ("none", "{}"), ("none", '{"name":"HassTurnOn"}'),
    ("none", '{"name":"HassTurnOn","arguments":{},"id":1}'), ("none", '{"name":7,"arguments":{}}'),
    ("none", '{"name":"HassTurnOn","arguments":[]}'), ("none", '{"name":"HassTurnOn","arguments":null}'),
    ("none", '{"name":"HassTurnOn","arguments":{}} and more'), ("none", '{"name":"HassTurnOn","arguments":{}'),
    ("none", '{"name":"HassTurnOn","arguments":{"area":"a\nb"}}'), ("none", "{'name':null,'arguments':{}}"),
    ("none", '{"name":"HassSetPosition","arguments":{"position":NaN}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":Infinity}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":1e400}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":01}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":+1}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":.5}}'),
    ("none", '{"name":"HassTurnOn","arguments":{,}}'), ("none", '{"name":"HassTurnOn","arguments":{}}<|im_end|>'),
    ("none", "\ufeff" + '{"name":null,"arguments":{}}'), ("none", "[" * 3000), ("none", '{"a":' * 3000),
    ("none", '{"name":"HassTurnOn","arguments":{"area":' + "[" * 62 + "]" * 62 + "}}"),
    ("none", '{"name":"HassTurnOn","arguments":{"area":' + "[" * 63 + "]" * 63 + "}}"),
    ("none", '{"name":"HassBroadcast","arguments":{"message":"' + "x" * 10_000 + '"}}'),
    ("none", '{"name":"HassBroadcast","arguments":{"massage":"' + "🍳" * 5_100 + '"}}'),
    ("none", '{"name":"HassExplode","arguments":{}}'), ("none", '{"name":"hassturnon","arguments":{}}'),
    ("none", '{"name":"","arguments":{}}'), ("none", '{"name":"toString","arguments":{}}'),
    ("none", '{"name":"__proto__","arguments":{}}'),
    ("none", '{"name":"HassTurnOn","arguments":{"colour":"red","zone":"x"}}'),
    ("none", '{"name":"HassTurnOn","arguments":{"constructor":"x"}}'),
    ("none", '{"name":"HassTurnOn","arguments":{"__proto__":"x"}}'),
    ("none", '{"name":"HassTurnOn","arguments":{"Area":"x"}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"name":"blind"}}'),
    ("none", '{"name":"HassListAddItem","arguments":{}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":50}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":50.0}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":5e1}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":50.5}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":"50"}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":true}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":9007199254740991}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":9007199254740993}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":123456789012345678901234567890}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":null}}'),
    ("none", '{"name":"HassSetPosition","arguments":{"position":-0}}'),
    ("none", '{"name":"HassTurnOn","arguments":{"domain":"oven"}}'),
    ("none", '{"name":"HassTurnOn","arguments":{"domain":"Light"}}'),
    ("none", '{"name":"HassTurnOn","arguments":{"domain":["light"]}}'),
    ("none", '{"name":"HassTurnOn","arguments":{"domain":7,"area":7}}'),
    ("none", '{"name":"HassSetVolumeRelative","arguments":{"volume_step":"up"}}'),
    ("none", '{"name":"HassSetVolumeRelative","arguments":{"volume_step":-5}}'),
    ("none", '{"name":"HassSetVolumeRelative","arguments":{"volume_step":"louder"}}'),
    ("none", '{"name":"HassClimateSetTemperature","arguments":{"temperature":20.5}}'),
    ("none", '{"name":"HassTurnOn","arguments":{"area":""}}'),
    ("none", '{"name":"HassTurnOn","arguments":{"area":"K\\u00fcche"}}'),
    ("none", '{"name":"HassGetState","arguments":{"state":"anything"}}'),
    ("none", '{"name":"HassTurnOn","arguments":{"area":"a","area":"b"}}'),
    ("none", '{"name":"HassBroadcast","arguments":{"message":"Infinity"}}'),
    ("none", '{"name":"HassBroadcast","arguments":{"message":"-1e400"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"kitchen"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"KITCHEN"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"kichen"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"ktichen"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"the kitchen"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"lounge"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"living-room"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"living rooms"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"bedroom"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"garage"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":""}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"!?"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"kuche"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"Ku\u0308che"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"guest room 3"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"guest rooom 2"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"guest room"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"name":"readin lamp"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"name":"lamp"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"name":"entrance"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"name":"annas fan"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"name":"ANNA’S FAN"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"name":"打开灯"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"name":"tv"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"name":"tb"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"bedroom","name":"lamp","floor":"upstair"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"bedroom","name":"sauna"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"floor":"upstair"}}'),
    ("flat", '{"name":"HassListAddItem","arguments":{"item":"milk","name":"shoping list"}}'),
    ("flat", '{"name":"HassListAddItem","arguments":{"item":"milk","name":"TV"}}'),
    ("flat", '{"name":"HassStartTimer","arguments":{"minutes":5,"name":"pizza"}}'),
    ("flat", '{"name":"HassVacuumStart","arguments":{"name":"robot"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"area":"kichen","domain":"oven"}}'),
    ("flat", '{"name":"HassMediaPlayerMute","arguments":{"name":"TV"}}'),
    ("flat", '{"name":"HassTurnOn","arguments":{"name":"' + "lamp " * 400 + '"}}'),
]  # fmt: skip

# arguments of `wide`, as JSON
WIDE_ARGUMENTS = [
    '{"level":0}', '{"level":100}', '{"level":101}', '{"level":-1}', '{"level":"5"}', '{}', '{"level":1,"share":0.5}',
    '{"level":1,"share":0}', '{"level":1,"share":1}', '{"level":1,"share":1e-9}', '{"level":1,"pick":null}',
    '{"level":1,"pick":"red lamp"}', '{"level":1,"pick":"red lmap"}', '{"level":1,"pick":5}', '{"level":1,"note":"a"}',
    '{"level":1,"note":"abcde"}', '{"level":1,"note":"🍳🍳🍳🍳"}', '{"level":1,"note":"memo"}', '{"level":1,"fixed":1}',
    '{"level":1,"fixed":1.0}',
    '{"level":1,"fixed":true}', '{"level":1,"fixed":"1"}', '{"level":1,"colour":"grün"}',
    '{"level":1,"colour":"blue"}', '{"level":1,"colour":5.0}', '{"level":1,"colour":null}',
    '{"level":1,"colour":false}', '{"level":1,"colour":0}', '{"level":1,"step":"up"}', '{"level":1,"step":10}',
    '{"level":1,"step":11}',
    '{"level":1,"step":1.5}', '{"level":1,"days":["mon","tue"]}', '{"level":1,"days":[]}',
    '{"level":1,"days":["mon","mon","mon"]}', '{"level":1,"days":["mon","wed"]}', '{"level":1,"days":"mon"}',
    '{"level":1,"days":{"0":"mon"}}', '{"level":1,"limits":{"low":1}}', '{"level":1,"limits":{"low":1,"high":2.5}}',
    '{"level":1,"limits":{"high":2}}', '{"level":1,"limits":{"low":"1"}}', '{"level":1,"limits":{"low":1,"middle":2}}',
    '{"level":1,"limits":[]}', '{"level":1,"on":true}', '{"level":1,"on":1}', '{"level":1,"on":"true"}',
    '{"level":1,"nothing":null}', '{"level":1,"nothing":0}', '{"share":2,"zzz":1}', '{"share":2}',
    '{"level":200,"days":[]}', '{"level":1,"open":["Infinity"]}', '{"level":1,"open":{"toString":1,"valueOf":2}}',
    '{"level":1,"open":[{"toString":1}]}', '{"level":1,"open":1e400}', '{"level":1,"open":[-1e400]}',
]  # fmt: skip

# (text of the answer, whether it stopped by itself)
ANSWERS = [
    ('{"name":"HassTurnOn","arguments":{"area":"kitchen"}}', True),
    ('{"name":"HassTurnOn","arguments":{"area":"kitchen"}}', False),
    ('{"name":"HassTurnOn","arguments":{"area":"bedroom"}}', False),
    ('{"name":null,"arguments":{}}', True), ('{"name":null,"arguments":{}}', False),
    ('{"name":"HassTurnOn","arguments":{"ar', True), ('{"name":"HassTurnOn","arguments":{"ar', False), ("", False),
]  # fmt: skip

PAIRS = [
    ("kitchen", "kitchen"), ("kitchen", "kichen"), ("kitchen", "ktichen"), ("kitchen", "chicken"),
    ("living room", "dining room"), ("bedroom", "bathroom"), ("lamp 1", "lamp 2"), ("light", "lights"),
    ("", "kitchen"), ("", ""), ("!?", "a"), ("a", "b"), ("ab", "ba"), ("ca", "abc"), ("abcd", "acbd"),
    ("a cat", "an act"), ("Küche", "kuche"), ("Ku\u0308che", "KÜCHE"), ("Straße", "STRASSE"), ("Straße", "straẞe"),
    ("İstanbul", "istanbul"), ("ISTANBUL", "ıstanbul"), ("ΣΑΣ", "σας"), ("Ångström", "angstrom"),
    ("café", "cafe\u0301"), ("Anna's lamp", "annas lamp"), ("Anna’s  lamp!", "anna s lamp"), ("TV", "t.v."),
    ("living-room", "Living_Room"), ("20%", "20 %"),
    ("１２", "12"), ("①", "1"), ("打开灯", "打開灯"), ("🍳", "🍳"), ("kitchen 🍳", "kitchen"), ("हिन्दी", "हिनदी"),
    ("שָׁלוֹם", "שלום"), ("𝟙 lamp", "1 lamp"), ("𝐀𝐁", "ab"), ("𐐀𐐁", "𐐨𐐩"), ("ﬁne", "fine"), ("Ⅳ", "iv"),
    ("x\u200by", "xy"), ("\u00a0a\u3000b\t", "a b"),
    ("upstairs", "downstairs"), ("abcdefghij", "jihgfedcba"), ("a" * 50, "a" * 49 + "b"), ("한국어", "한국말"),
    ("naïve", "naive"), ("l'été", "l ete"), ("ǅ", "ǆ"), ("ß", "ss"), ("Ĳ", "ij"), ("₂", "2"), ("½", "1/2"),
]  # fmt: skip


def action_vectors(prebuilt: Prebuilt) -> dict[str, Any]:
    shipped = {home: Actions(prebuilt.tools, HOMES[home]) for home in ("none", "flat")}
    wide = Actions(WIDE, HOMES["wide"])
    calls = [f'{{"name":"wide","arguments":{arguments}}}' for arguments in WIDE_ARGUMENTS]
    return {
        "about": "The model's answer and the home's names to what may be done.",
        "inputs": prebuilt.sha256("tools.json"),
        "homes": HOMES,
        "toolsets": {"wide": WIDE},
        "similarity": [
            {"a": a, "b": b, "keys": [key(a), key(b)], "percent": percent(key(a), key(b))} for a, b in PAIRS
        ],
        "cases": [
            *({"home": home, "text": text, "result": shipped[home].consider(text).entry()} for home, text in SHIPPED),
            *({"home": "wide", "tools": "wide", "text": call, "result": wide.consider(call).entry()} for call in calls),
        ],
        "answers": [
            {"home": "flat", "text": text, "stopped": stopped, "result": shipped["flat"].consider(answer).entry()}
            for text, stopped in ANSWERS
            for answer in [Answer(text, [], stopped, prompt_tokens=0, first=0.0, seconds=0.0)]
        ],
    }
