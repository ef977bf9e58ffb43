"""The functions of the run's data on their way into an export: none, and those that no grammar can express."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mobile.export.build import build_rest
from mobile.export.source import Source
from mobile.export.stage import run
from mobile.export.tools import check_tools, find_tools
from tests.mobile.conftest import make_run
from train.chat import ChatTokenizer
from train.config.schema import Config, ExportConfig
from train.errors import UserError
from train.runs import RunFolder, StageContext
from train.tracking.tracker import Tracker

TIMER = {"name": "start", "parameters": {"properties": {"minutes": {"type": "integer"}}}}


def argument(schema: Any) -> list[dict[str, Any]]:
    return [{"name": "start", "parameters": {"properties": {"minutes": schema}}}]


def tools_file(folder: Path, tools: Any) -> Path:
    (folder / "tools.json").write_text(json.dumps(tools))
    return folder


@pytest.mark.parametrize(("tools", "copied"), [([], False), ([TIMER], True)])
def test_an_empty_list_of_functions_is_no_file(tmp_path: Path, tools: Any, copied: bool) -> None:
    make_run(tmp_path)
    data, folder = tools_file(tmp_path / "data", tools), tmp_path / "mobile"
    folder.mkdir()
    source = Source("student", tmp_path / "student" / "hf", data / "tokenizer", "mobile")
    build_rest(source, ChatTokenizer.load(data / "tokenizer"), ExportConfig(litertlm=False), data, folder)
    assert {path.name for path in folder.iterdir()} == {"tokenizer.json"} | ({"tools.json"} if copied else set())


def test_no_file_is_no_functions(tmp_path: Path) -> None:
    path = tmp_path / "tools.json"
    assert find_tools(path) is None
    check_tools(path, ExportConfig())
    path.write_text("[")
    with pytest.raises(UserError, match=r"tools\.json is not JSON .*stage 'data' again"):
        find_tools(path)


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        (argument({"type": "string", "pattern": "a*"}), "function start, argument 'minutes'.*'pattern'"),
        (argument({"oneOf": [{"type": "integer"}]}), "'oneOf'"),
        (argument({"type": "integer", "multipleOf": 5}), "'multipleOf'"),
        ([TIMER, TIMER], "names that differ"),
        (argument({"type": "string", "maxLength": "ten", "minLength": "one"}), "function start, .*minLength is 'one'"),
    ],
)
def test_functions_that_no_grammar_can_express_are_refused_before_the_conversion(
    tmp_path: Path, tools: Any, message: str
) -> None:
    """The run has no student: whatever the export does after its first look at the functions ends otherwise."""
    (tmp_path / "data").mkdir()
    tools_file(tmp_path / "data", tools)
    with Tracker(tmp_path, "export") as tracker:
        context = StageContext(Config(name="t"), RunFolder(tmp_path), "", tracker, tmp_path / "checkpoints")
        with pytest.raises(UserError, match=rf"(?s)'schema', but .*tools\.json.*{message}.*export\.constrain=off"):
            run(context)


def test_unconstrained_answers_take_any_functions(tmp_path: Path) -> None:
    tools_file(tmp_path, argument({"type": "string", "pattern": "a*"}))
    check_tools(tmp_path / "tools.json", ExportConfig(constrain="off"))
    with pytest.raises(UserError, match="'substrings', but"):
        check_tools(tmp_path / "tools.json", ExportConfig(constrain="substrings"))
