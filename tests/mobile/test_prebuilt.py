"""The shipped student answers ten commands as a person would expect, from the folder alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_litert", reason="needs the extra 'mobile'")

from mobile.runtime import Chat

PREBUILT = Path(__file__).parents[2] / "mobile" / "prebuilt"
COMMANDS = {
    "turn on the kitchen lights": ("HassTurnOn", {"area": "kitchen", "domain": "light"}),
    "dim the reading lamp to 20%": ("HassLightSet", {"brightness": 20, "name": "reading lamp"}),
    "set a timer for 10 minutes": ("HassStartTimer", {"minutes": 10}),
    "what's the temperature in the living room": ("HassClimateGetTemperature", {"area": "living room"}),
    "add milk to my shopping list": ("HassShoppingListAddItem", {"item": "milk"}),
    "turn everything off upstairs": ("HassTurnOff", {"domain": "light", "floor": "upstairs"}),
    "mute the TV": ("HassMediaPlayerMute", {"name": "TV"}),
    "next song": ("HassMediaNext", {}),
    "cancel the pizza timer": ("HassCancelTimer", {"name": "pizza"}),
    "who won the world cup": (None, {}),
}


FILES = {
    "small": ("student-int8.tflite", 8_000_000),
    "nano": ("student-int4.tflite", 3_000_000),
}  # the most bytes it may have


@pytest.fixture(scope="module", params=sorted(path.name for path in PREBUILT.iterdir() if path.is_dir()))
def chat(request: pytest.FixtureRequest) -> Chat:
    return Chat(PREBUILT / request.param)


def test_self_test(chat: Chat) -> None:
    chat.self_test()


@pytest.mark.parametrize("text", COMMANDS)
def test_ten_commands(chat: Chat, text: str) -> None:
    answer = chat.answer(text, 96)
    name, arguments = COMMANDS[text]
    assert json.loads(answer.text) == {"name": name, "arguments": arguments}
    assert answer.stopped


def test_the_folders_are_small_and_whole(chat: Chat) -> None:
    folder = chat.bundle.folder
    file, limit = FILES[folder.name]
    assert {"bundle.json", "README.md", "tokenizer.json", "tools.json"} <= {path.name for path in folder.iterdir()}
    assert (folder / file).stat().st_size <= limit
    assert sum(path.stat().st_size for path in PREBUILT.rglob("*") if path.is_file()) <= 20_000_000
