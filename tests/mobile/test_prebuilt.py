"""The shipped student answers ten commands as a person would expect, from the folder alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_litert", reason="needs the extra 'mobile'")

from mobile.runtime import Actions, Chat
from mobile.runtime.__main__ import main
from mobile.runtime.call_grammar import read_tools
from mobile.runtime.constraint import Constrain
from mobile.talk import talk

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


SMALL = PREBUILT / "small"
KITCHEN, LAMP = "turn on the kitchen lights", "set the bedroom lamp to 20 percent"
CUT_SHORT = [
    (KITCHEN, 22, "HassTurnOn", {"area": "the"}),
    (KITCHEN, 24, "HassTurnOn", {"area": "kitchen"}),  # every light of the kitchen, and every other thing in it
    (KITCHEN, 12, None, {}),
    (LAMP, 24, "HassLightSet", {"area": "bedroom", "brightness": 2}),
]  # valid calls that the model did not mean, found by a review


@pytest.mark.parametrize(("text", "budget", "name", "arguments"), CUT_SHORT)
def test_a_call_that_the_budget_cut_short_is_not_carried_out(
    text: str, budget: int, name: str | None, arguments: dict[str, object]
) -> None:
    chat = Chat(SMALL)
    answer = chat.answer(text, budget)
    assert json.loads(answer.text) == {"name": name, "arguments": arguments}
    assert not answer.stopped
    actions, done = Actions(read_tools(SMALL / "tools.json")), []
    for function in ("HassTurnOn", "HassLightSet"):
        actions.on(function)(lambda **values: done.append(values))
    outcome = actions.perform(answer, dry_run=False)
    assert (outcome.done, outcome.action.code, outcome.message) == (False, "cut_off", "refused, the answer was cut off")
    assert done == []
    assert actions.perform(chat.answer(text), dry_run=False).done


@pytest.mark.parametrize("constrain", ["schema", "substrings"])
def test_an_answer_stopped_where_it_is_the_one_without_a_budget(constrain: Constrain) -> None:
    """For every budget, and the same with drafts as without."""
    chats = [Chat(SMALL, constrain=constrain, speculative=on) for on in (False, True)]
    for text in (KITCHEN, LAMP, "who won the world cup"):
        whole = chats[0].answer(text)
        assert whole.stopped
        for budget in range(1, 45):
            plain, quick = (chat.answer(text, budget) for chat in chats)
            assert plain.stopped == (plain.ids == whole.ids and budget > len(whole.ids)), budget
            assert (quick.ids, quick.stopped, quick.refused) == (plain.ids, plain.stopped, plain.refused), budget
        assert plain.stopped


def test_the_commands_say_that_an_answer_was_cut_off(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([str(SMALL), KITCHEN, "--max-new-tokens", "22"]) == 0
    out, err = capfd.readouterr()
    assert out == '{"name":"HassTurnOn","arguments":{"area":"the"}}\n'
    assert "cut off: the budget of new tokens or the window does not hold what the model meant" in err
    assert main([str(SMALL), KITCHEN]) == 0
    assert "cut off" not in capfd.readouterr().err
    home = tmp_path / "home.yaml"
    home.write_text("{}")
    result = talk(SMALL, KITCHEN + " please" * 133, None, 1, home=home)  # leaves 11 tokens of the window
    err = capfd.readouterr().err
    assert result is not None
    assert result["answer"] == '{"name":null,"arguments":{}}'
    assert (result["stopped"], result["action"]["status"], result["action"]["code"]) == (False, "refused", "cut_off")
    assert "Cut off: the window does not hold what the model meant." in err
    assert "-> refused, the answer was cut off" in err


def test_the_folders_are_small_and_whole(chat: Chat) -> None:
    folder = chat.bundle.folder
    file, limit = FILES[folder.name]
    assert {"bundle.json", "README.md", "tokenizer.json", "tools.json"} <= {path.name for path in folder.iterdir()}
    assert (folder / file).stat().st_size <= limit
    assert sum(path.stat().st_size for path in PREBUILT.rglob("*") if path.is_file()) <= 20_000_000
