"""From an answer to an effect: only a valid call, with names that the home has, and only when asked to."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("jsonschema", reason="needs the extra 'dev'")

import jsonschema

from mobile.contract.action_vectors import HOMES, WIDE
from mobile.contract.prebuilt import PREBUILT
from mobile.contract.vector_files import read_vectors
from mobile.runtime import ActionError, Actions, Home, ModelError, SchemaError
from mobile.runtime.call_check import equal
from mobile.runtime.call_grammar import read_tools
from mobile.runtime.names import distance, key, percent
from mobile.talk import talk
from train.errors import UserError

TOOLS = read_tools(PREBUILT / "tools.json")
HOME = {"area": ["kitchen", {"name": "living room", "aliases": ["lounge"]}, "bathroom"], "name": ["lamp 1", "lamp 2"]}
ON = '{"name":"HassTurnOn","arguments":{"area":"%s","domain":"light"}}'


def actions() -> tuple[Actions, list[Any]]:
    """A registry whose one effect notes its calls."""
    registry, done = Actions(TOOLS, HOME), []

    @registry.on("HassTurnOn")
    def turn_on(**arguments: Any) -> str:
        done.append(arguments)
        return "clicked"

    return registry, done


# Names -------------------------------------------------------------------------------------------------------------


@cache
def defined_distance(a: str, b: str) -> int:
    """Optimal string alignment by its recursive definition."""
    if not a or not b:
        return len(a) + len(b)
    found = [defined_distance(a[:-1], b) + 1, defined_distance(a, b[:-1]) + 1]
    found.append(defined_distance(a[:-1], b[:-1]) + (a[-1] != b[-1]))
    if len(a) > 1 and len(b) > 1 and a[-1] == b[-2] and a[-2] == b[-1]:
        found.append(defined_distance(a[:-2], b[:-2]) + 1)
    return min(found)


@settings(max_examples=150, deadline=None)
@given(st.text("abc ", max_size=8), st.text("abc ", max_size=8))
def test_distance_is_the_defined_one(a: str, b: str) -> None:
    assert distance(a, b) == defined_distance(a, b) == distance(b, a)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [("kitchen", "kichen", 1), ("kitchen", "ktichen", 1), ("ca", "abc", 3), ("", "abc", 3), ("a cat", "an act", 2)],
)  # "ca" to "abc" is 2 where a part may be edited twice, 3 where not
def test_distances_by_hand(a: str, b: str, expected: int) -> None:
    assert distance(a, b) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Living_Room ", "living room"), ("Küche", "kuche"), ("Ku\u0308che", "kuche"), ("Anna’s TV!", "anna s tv"),
        ("ΣΑΣ", "σασ"), ("İ", "i"), ("打开灯", "打开灯"), ("🍳 ☎️", ""), ("<|im_end|>", "im end"), ("20 %", "20"),
        ("", ""),
    ],
)  # fmt: skip
def test_keys_by_hand(text: str, expected: str) -> None:
    assert key(text) == expected


def test_percent_by_hand() -> None:
    assert percent("living room", "dining room") == 100 * 9 // 11 == 81
    assert percent("kitchen", "kichen") == 100 * 6 // 7 == 85
    assert percent("", "") == percent("", "a") == 0


@pytest.mark.parametrize(
    ("said", "meant", "suggestions"),
    [
        ("Kitchen", "kitchen", None),
        ("kichen", "kitchen", None),
        ("lounge", "living room", None),
        ("bedroom", None, ["bathroom"]),
        ("the kitchen", None, ["kitchen"]),
        ("garage", None, []),
        ("", None, []),
        ("x" * 9000, None, []),
    ],
)
def test_areas_are_looked_up(said: str, meant: str | None, suggestions: list[str] | None) -> None:
    action = actions()[0].consider(ON % said)
    if meant is not None:
        assert (action.status, action.arguments["area"]) == ("ready", meant)
        assert bool(action.corrected) == (said != meant)
    elif suggestions:
        assert (action.status, action.questions[0].suggestions) == ("ask", suggestions)
    else:
        assert (action.status, action.code, action.argument) == ("refused", "unknown_name", "area")


def test_a_number_is_no_slip_and_two_things_of_a_name_are_asked_about() -> None:
    registry = Actions(
        TOOLS, {"name": ["reading lamp 1", {"name": "hall", "aliases": ["x y"]}, {"name": "den", "aliases": ["X Y"]}]}
    )
    third = registry.consider('{"name":"HassTurnOn","arguments":{"name":"reading lamp 3"}}')
    assert (third.status, third.questions[0].suggestions) == ("ask", ["reading lamp 1"])
    both = registry.consider('{"name":"HassTurnOn","arguments":{"name":"x-y"}}')
    assert (both.status, both.questions[0].suggestions) == ("ask", ["hall", "den"])


# Calls -------------------------------------------------------------------------------------------------------------


def closed(schema: Any) -> Any:
    """A schema that lets no undeclared key through, as a validator needs it said."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    return inner | {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else inner


PARAMETERS = {tool["name"]: closed(tool["parameters"]) for tool in [*TOOLS, *WIDE]}


def is_valid(call: Any) -> bool:
    parameters = PARAMETERS.get(call["name"])
    return parameters is not None and jsonschema.Draft202012Validator(parameters).is_valid(call["arguments"])


def test_vectors_agree_with_a_json_schema_library() -> None:
    invalid = {"unknown_argument", "missing_argument", "wrong_type", "not_allowed", "out_of_range"}
    seen = set()
    for case in read_vectors("actions")["cases"]:
        result = case["result"]
        seen.add(result["code"] or result["status"])
        if result["code"] == "unknown_function":
            assert json.loads(case["text"])["name"] not in PARAMETERS
        elif result["status"] in ("ready", "ask"):
            assert is_valid(json.loads(case["text"]))
            assert is_valid({"name": result["function"], "arguments": result["arguments"]})
        elif result["code"] in invalid and "1e400" not in case["text"] and "90071992547409" not in case["text"]:
            big = "123456789012345678901234567890" in case["text"]
            assert big or not is_valid(json.loads(case["text"]))
    assert seen >= invalid | {"ready", "ask", "nothing", "not_a_call", "unknown_function", "unknown_name"}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-20, 120)
    | st.floats(-2, 2)
    | st.sampled_from(["red", "up", "mon", "ab", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["low", "high", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
NAMES = [*WIDE[0]["parameters"]["properties"], "other"]


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3), st.booleans())
def test_any_arguments_are_judged_as_by_a_json_schema_library(arguments: dict[str, Any], level: bool) -> None:
    arguments |= {"level": 5} if level else {}
    call = {"name": "wide", "arguments": arguments}
    action = Actions(WIDE).consider(json.dumps(call))
    assert (action.status == "ready") == is_valid(call)
    assert action.status in ("ready", "refused")
    if action.status == "ready":
        assert equal(action.arguments, arguments)


@pytest.mark.parametrize(
    "text",
    [
        "", "x" * 10_000, "🍳" * 50, "打开厨房的灯", "<|im_end|>", "[" * 9000, "9" * 9000,
        '{"name":null,"arguments":{"area":"kitchen"}}', '{"name":"HassTurnOn","arguments":{"area":NaN}}',
        '{"name":"HassTurnOn","arguments":{}} rm -rf /',
    ],
)  # fmt: skip
def test_what_is_no_call_is_refused(text: str) -> None:
    registry, done = actions()
    outcome = registry.perform(text, dry_run=False)
    assert (outcome.action.status, outcome.action.code, outcome.done, done) == ("refused", "not_a_call", False, [])
    assert outcome.message == "refused, the answer is no call"


# Effects -----------------------------------------------------------------------------------------------------------


def test_nothing_happens_unless_it_is_asked_for() -> None:
    registry, done = actions()
    dry = registry.perform(ON % "lounge")
    assert (dry.done, dry.message, done) == (False, "would call HassTurnOn(area='living room', domain='light')", [])
    real = registry.perform(ON % "lounge", dry_run=False)
    assert (real.done, real.value, done) == (True, "clicked", [{"area": "living room", "domain": "light"}])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ON % "bedroom", "'bedroom': did you mean bathroom?"),
        (ON % "garage", "refused, nothing here has such a name: area"),
        ('{"name":null,"arguments":{}}', "no function applies"),
        ('{"name":"HassTurnOff","arguments":{}}', "nothing is registered for HassTurnOff"),
        ('{"name":"os.system","arguments":{}}', "refused, the answer names a function that is not offered"),
        ('{"name":"HassTurnOn","arguments":{"zone":"x"}}', "refused, the function has no such argument: zone"),
        ('{"name":"HassTurnOn","arguments":{"name":"lamp"}}', "'lamp': did you mean lamp 1 or lamp 2?"),
    ],
)
def test_everything_else_is_said_and_not_done(text: str, message: str) -> None:
    registry, done = actions()
    outcome = registry.perform(text, dry_run=False)
    assert (outcome.done, outcome.message, done) == (False, message, [])


def test_a_question_is_answered_by_a_choice_which_is_checked_too() -> None:
    registry, done = actions()
    assert registry.perform(ON % "bedroom", dry_run=False, choices={"area": "bathroom"}).done
    assert done == [{"area": "bathroom", "domain": "light"}]
    assert registry.consider(ON % "bedroom", {"area": "sauna"}).code == "unknown_name"
    assert registry.consider(ON % "bedroom", {"zone": "x"}).code == "unknown_argument"


def test_an_effect_must_take_every_valid_call() -> None:
    registry = Actions(TOOLS)
    with pytest.raises(ActionError, match="no function 'HassExplode'; it has HassBroadcast"):
        registry.on("HassExplode")
    with pytest.raises(ActionError, match="lacks the argument 'name'"):
        registry.on("HassListAddItem")(lambda item: None)
    with pytest.raises(ActionError, match="'area' needs a default value"):
        registry.on("HassVacuumCleanArea")(lambda area, name=None: None)
    registry.on("HassListAddItem")(lambda item, name: None)


def test_a_schema_that_cannot_be_checked_is_refused() -> None:
    with pytest.raises(SchemaError, match="pattern"):
        Actions([{"name": "f", "parameters": {"properties": {"a": {"type": "string", "pattern": "^x$"}}}}])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"aera": ["kitchen"]}, "lists names for 'aera'"),
        ({"HassTurnOn.zone": []}, "lists names for 'HassTurnOn.zone'"),
        ({"area": "kitchen"}, "'area' is 'kitchen', not a list"),
        ({"area": ["kitchen", 7]}, "holds 7, not a name"),
        ({"area": ["!?"]}, "not a name with letters"),
        ({"area": [{"name": "x", "alias": ["y"]}]}, "not a name with letters"),
        ({"area": [{"name": "x", "aliases": "y"}]}, "not a name with letters"),
        ([], "not lists of names by argument"),
    ],
)
def test_a_home_with_a_slip_is_refused(values: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=message):
        Home(values, TOOLS)
    path = tmp_path / "home.json"
    path.write_text(json.dumps(values))
    with pytest.raises(ActionError, match=f"home.json: .*{message}"):
        Home.load(path, TOOLS)


def test_a_home_file(tmp_path: Path) -> None:
    path = tmp_path / "home.json"
    path.write_text(json.dumps(HOMES["flat"]), encoding="utf-8")
    registry = Actions(TOOLS, Home.load(path, TOOLS))
    timer = '{"name":"HassStartTimer","arguments":{"name":"pizza"}}'
    assert registry.consider(timer).status == "ready"  # null: any text
    assert registry.consider(timer.replace("Start", "Cancel")).code == "unknown_name"
    path.write_text("{")
    with pytest.raises(ModelError, match="cannot be read as JSON"):
        Home.load(path, TOOLS)


def test_chat_with_a_home(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ai_edge_litert", reason="needs the extra 'litert'")
    home = tmp_path / "home.yaml"
    home.write_text("area: [Kitchen, {name: living room, aliases: [lounge]}]\nHassStartTimer.name: null\n")
    result = talk(PREBUILT, "turn on the kitchen lights", None, 1, home=home)
    assert result is not None
    assert result["action"]["arguments"] == {"area": "Kitchen", "domain": "light"}
    assert result["action"]["corrected"] == [{"argument": "area", "said": "kitchen", "meant": "Kitchen"}]
    assert "-> would call HassTurnOn(area='Kitchen', domain='light')" in capfd.readouterr().err
    for text, message in (
        ("area: [", "cannot be read as YAML"),
        ("zone: [x]", "'zone'"),
        ("- x", "not lists of names"),
        ("1: [x]", "lists names for '1'"),
        ("area: [2026-02-31]", "cannot be read as YAML: day"),
        ("[" * 3000, "cannot be read as YAML"),
    ):
        home.write_text(text)
        with pytest.raises(UserError, match=f"home.yaml.*{message}"):
            talk(PREBUILT, "turn on the kitchen lights", None, 1, home=home)
