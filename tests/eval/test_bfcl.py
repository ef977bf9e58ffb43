"""The leaderboard's questions as test sets, and the scorer against the checker inside the same wheel."""

from __future__ import annotations

import copy
import json
import sys
import types
import zipfile
from enum import Enum
from typing import Any

import pytest

from eval.bfcl import bfcl_rows, describe
from eval.engines.engine import Answer, EngineSpec, TokenEngine
from eval.possible_answers import arguments_right, score_possible
from eval.samples import judge, read_set
from train.chat import content_text
from train.config.schema import EvalConfig
from train.data.bfcl_wheel import SHA256, WHEEL
from train.data.wheel import fetch_wheel
from train.errors import UserError

Row = dict[str, Any]

NOTHING = '{"name":null,"arguments":{}}'


@pytest.fixture(scope="module")
def simple() -> list[Row]:
    return bfcl_rows("bfcl_simple", 1000)


@pytest.fixture(scope="module")
def official() -> Any:
    """ast_checker.py of the wheel. What it imports of its own package (clients of every vendor) is replaced by what it
    needs of it for Python questions."""
    language = Enum("Language", ["PYTHON", "JAVA", "JAVASCRIPT"])
    stubs = {
        "constants.enums": {"Language": language},
        "constants.model_config": {"MODEL_CONFIG_MAPPING": {"m": types.SimpleNamespace(underscore_to_dot=False)}},
        "constants.type_mappings": {"JAVA_TYPE_CONVERSION": {}, "JS_TYPE_CONVERSION": {}},
        "eval_checker.ast_eval.type_convertor.java_type_converter": {"java_type_converter": None},
        "eval_checker.ast_eval.type_convertor.js_type_converter": {"js_type_converter": None},
    }
    made = {}
    for name, values in stubs.items():
        module = types.ModuleType(f"bfcl_eval.{name}")
        module.__dict__.update(values)
        made[module.__name__] = module
    with zipfile.ZipFile(fetch_wheel(WHEEL, SHA256)) as wheel, pytest.MonkeyPatch.context() as patch:
        for name, module in made.items():
            patch.setitem(sys.modules, name, module)
        checker = types.ModuleType("checker")
        exec(wheel.read("bfcl_eval/eval_checker/ast_eval/ast_checker.py").decode(), checker.__dict__)

    def valid(row: Row, name: str, arguments: dict[str, Any]) -> bool:
        answer = {row["function"]["name"]: row["possible"]}
        output = [{name: arguments}]
        return bool(checker.ast_checker([row["function"]], output, [answer], language.PYTHON, "simple", "m")["valid"])

    return valid


def variants(row: Row) -> list[dict[str, Any]]:
    """Right arguments in several forms, and wrong ones of several kinds."""
    right = json.loads(content_text(row["messages"][-1]["content"]))["arguments"]
    found = [right, {**right, "invented": 1}]
    for name, possible in row["possible"].items():
        found += [{**right, name: value} for value in possible if value != ""]
        found.append({key: value for key, value in right.items() if key != name})
        if name not in right:
            continue
        value = right[name]
        others: list[Any] = ["", "x", 0, -1.5, True, None, [], {}, [value], str(value)]
        if isinstance(value, str):
            others += [value.upper(), value.replace(" ", "  ") + ".", value + "s"]
        elif isinstance(value, bool):
            others += [not value, int(value)]
        elif isinstance(value, int | float):
            others += [float(value), int(value), value + 1]
        elif isinstance(value, list):
            others += [value[::-1], value[:-1], [*value, value[0]], [str(item).upper() for item in value]]
            others += [[float(item) for item in value if isinstance(item, int)]]
        elif isinstance(value, dict):
            others += [{**value, "more": 1}, dict(list(value.items())[1:])]
            others += [{key: str(item).upper() for key, item in value.items()}]
        found += [{**right, name: other} for other in others]
    return copy.deepcopy(found)


def test_every_verdict_is_the_leaderboards(simple: list[Row], official: Any) -> None:
    verdicts = {True: 0, False: 0}
    for row in simple:
        for arguments in variants(row):
            ours = arguments_right(arguments, row["function"], row["possible"])
            assert ours == official(row, row["function"]["name"], arguments), (row["id"], arguments, row["possible"])
            verdicts[ours] += 1
    assert verdicts[True] > 1000, verdicts
    assert verdicts[False] > 5000, verdicts


def test_rows_are_asked_with_their_own_function(simple: list[Row]) -> None:
    assert len(simple) == 400
    row = simple[0]
    assert row["id"] == "simple_python_0"
    asked = content_text(row["messages"][-2]["content"])
    assert asked == (
        "Function: calculate_triangle_area. Calculate the area of a triangle given its base and height.\n"
        "- base (integer): The base of the triangle.\n"
        "- height (integer): The height of the triangle.\n"
        "- unit (string, optional): The unit of measure (defaults to 'units' if not specified)\n"
        "Question: Find the area of a triangle with a base of 10 units and height of 5 units."
    )
    assert [message["role"] for message in row["messages"]] == ["system", *(["user", "assistant"] * 3)]
    assert row["messages"][-1]["content"] == ('{"name":"calculate_triangle_area","arguments":{"base":10,"height":5}}')
    for each in simple:
        found = score_possible(each["messages"][-1]["content"], each["function"], each["possible"], True)
        assert found.exact, each["id"]


def test_irrelevance_wants_no_call(tmp_path: Any) -> None:
    rows = read_set(tmp_path, "bfcl_irrelevance", 500)
    assert len(rows) == 240
    function = rows[0]["function"]
    call = json.dumps({"name": function["name"], "arguments": {}})
    for text, right, error in (
        ('{"name":null,"arguments":{}}', True, "none"),
        ("I can't do that.", True, "none"),
        (call, False, "false_call"),
        (f"Sure: {call}", False, "false_call"),
    ):
        found = score_possible(text, function, None, True)
        assert (found.exact, found.error, found.false_call) == (right, error, not right)
    assert not score_possible("and so on and so on", function, None, False).exact


@pytest.mark.parametrize(
    ("text", "stopped", "error"),
    [
        ('{"name":"calculate_triangle_area","arguments":{"base":10,"height":5}}', True, "none"),
        ('{"name":"calculate_triangle_area","arguments":{"base":10,"height":5}}', False, "never_stopped"),
        ('{"name":"calculate_triangle_area","arguments":{"base":10}}', True, "wrong_argument"),
        ('{"name":"area","arguments":{"base":10,"height":5}}', True, "wrong_function"),
        ('{"name":null,"arguments":{}}', True, "missing_call"),
        ('The call is {"name":"calculate_triangle_area","arguments":{"base":10,"height":5}}', True, "extra_text"),
        ("50", True, "bad_json"),
    ],
)
def test_kinds_of_error(simple: list[Row], text: str, stopped: bool, error: str) -> None:
    found = judge(EvalConfig(), simple[0], Answer(text, 9, stopped), ())
    assert (found.exact, found.error) == (error == "none", error)


def test_prompt_longer_than_the_window_is_counted_by_name(simple: list[Row]) -> None:
    class Short(TokenEngine):
        window = 100

        def load(self) -> None: ...
        def describe(self) -> dict[str, Any]: ...
        def time_prefill(self, n_prompt: int) -> float: ...
        def time_decode(self, n_prompt: int, n_new: int) -> tuple[float, list[float]]: ...

        def prompt(self, conversation: Any) -> list[int]:
            return [1] * len(conversation)

        def generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
            assert all(len(prompt) <= 100 for prompt in prompts)
            return [[len(prompt), 2] for prompt in prompts]

    engine = Short(EngineSpec("base", "", "", {"name": "x"}, 1))
    engine.tokenizer = types.SimpleNamespace(stop_id=2, decode=lambda ids: f"{ids[0]} long")  # type: ignore[assignment]
    [answers] = engine.answer([[{}] * 101, [{}] * 100, [{}] * 3], 8)
    assert [(answer.text, answer.fits) for answer in answers] == [("", False), ("100 long", True), ("3 long", True)]
    found = judge(EvalConfig(), simple[0], answers[0], ())
    assert (found.exact, found.error, found.ended_by_stop) == (False, "too_long", False)
    assert (found.intent, found.argument_keys, found.valid_json) == (False, False, False), "wrong in every figure"
    nothing = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": NOTHING}]}
    found = judge(EvalConfig(), nothing, answers[0], {"name"})
    assert (found.exact, found.intent, found.false_call, found.invented) == (False, False, None, None), "nothing is won"


def test_nested_schemas_are_described() -> None:
    schema = {
        "name": "f",
        "description": "Does it. ",
        "parameters": {
            "properties": {
                "a": {"type": "array", "items": {"type": "dict", "properties": {"x": {"type": "float"}}}},
                "b": {"type": "string", "enum": ["u", "v"], "description": "Which."},
            },
            "required": ["a"],
        },
    }
    assert describe(schema) == (
        "Function: f. Does it.\n- a (array of dict with x: float)\n- b (one of u|v, optional): Which."
    )


def test_another_wheel_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr("bfcl_eval/data/other.json", "{}")
    monkeypatch.setattr("train.data.bfcl_wheel.fetch_wheel", lambda *_: tmp_path / "other.whl")
    with pytest.raises(UserError, match=r"has no file .*BFCL_v4_simple_python\.json"):
        bfcl_rows("bfcl_simple", 1)
