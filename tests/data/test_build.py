"""The data stage on the user's own rows: sources, gate, bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import datasets
import pytest

from tests.conftest import toy_rows
from train.chat import ChatTokenizer
from train.config import Config
from train.data import STAGE
from train.data.chat_jsonl import read_chat_jsonl
from train.data.gate import check_no_leak, gate_split
from train.data.sources import check_sources, load_rows
from train.errors import UserError
from train.stage import run_stage

Make = Callable[..., Config]


def test_writes_every_file_and_counts_rows(make_config: Make) -> None:
    config = make_config()
    headline = run_stage(STAGE, config)
    folder = config.runs_dir / "tiny" / "data"
    assert (headline["rows_train"], headline["rows_val"]) == (72, 8)
    assert {path.name for path in folder.iterdir()} == {
        "train.jsonl", "val.jsonl", "tokenizer", "tools.json", "data_card.md",
    }  # fmt: skip
    ids = {row["id"] for row in read_chat_jsonl(folder / "train.jsonl") + read_chat_jsonl(folder / "val.jsonl")}
    assert ids == {row["id"] for row in toy_rows(80)}


def test_prompt_and_completion_columns_become_messages(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "hi", "completion": "ho", "category": "x"}\n')
    assert read_chat_jsonl(path) == [
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}], "category": "x"}
    ]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_hugging_face_data_set_folder(make_config: Make, tmp_path: Path, streaming: bool) -> None:
    folder = tmp_path / "hub"
    folder.mkdir()
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in toy_rows(50)))
    config = make_config(data={"source": str(folder), "streaming": streaming, "train_rows": 30})
    found = load_rows(config.data, seed=1)
    assert (len(found.splits["train"]), len(found.splits["val"])) == (30, 3)
    assert {row["id"] for row in found.splits["train"]} <= {row["id"] for row in toy_rows(50)}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{", "2: "),
        ("[]", "a JSON object was expected"),
        ('{"text": "a"}', "no 'messages'"),
        ('{"messages": []}', "must be a list of messages"),
        ('{"messages": [{"role": "user", "content": "a"}]}', "last message must be the assistant's"),
        ('{"messages": [{"role": "robot", "content": "a"}]}', "the role 'robot'; known: system, user, assistant"),
        ('{"messages": [{"role": "assistant", "content": ""}]}', "is empty"),
        ('{"messages": [{"role": "assistant"}]}', "needs 'role' and 'content'"),
        (
            '{"messages": [{"role": "assistant", "tool_calls": []}]}',
            "needs 'role' and 'content'; it has 'role', 'tool_ca",
        ),
        ('{"messages": [{"from": "gpt", "value": "a"}]}', "needs 'role' and 'content'; it has 'from', 'value'"),
        ('{"messages": ["a"]}', "message 0 needs 'role' and 'content'; it is no object but str"),
        (r'{"prompt": "\ud83d", "completion": "a"}', r"'prompt' holds '\ud83d', half of a UTF-16 pair"),
        (r'{"prompt": "a", "completion": "b", "id": "\ude00"}', r"'id' holds '\ude00', half of a UTF-16 pair"),
        ('{"messages": [{"role": "assistant", "content": 3}]}', "text or a list of text parts"),
    ],
)
def test_bad_rows_are_named_by_line(tmp_path: Path, line: str, expected: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(toy_rows(1)[0]) + "\n" + line + "\n")
    with pytest.raises(UserError) as caught:
        read_chat_jsonl(path)
    assert f"{path}:2: " in str(caught.value)
    assert expected in str(caught.value)


def test_a_whole_utf16_pair_is_one_character(tmp_path: Path) -> None:
    (tmp_path / "whole.jsonl").write_text(r'{"prompt": "\ud83d\ude00", "completion": "a"}')
    assert read_chat_jsonl(tmp_path / "whole.jsonl")[0]["messages"][0]["content"] == "\N{GRINNING FACE}"


def test_a_column_that_json_has_no_word_for_is_named(make_config: Make, tmp_path: Path) -> None:
    rows = [row | {"asked": datetime(2024, 5, 6)} for row in toy_rows(20)]
    (tmp_path / "hub").mkdir()
    datasets.Dataset.from_list(rows).to_parquet(tmp_path / "hub" / "train.parquet")
    config = make_config(data={"source": str(tmp_path / "hub")})
    with pytest.raises(UserError, match=r"hub.*row 0: 'asked' can't be written as JSON \(.*datetime.*leave it out"):
        load_rows(config.data, seed=1)


def test_a_function_schema_that_utf8_cannot_hold_is_named(make_config: Make, tmp_path: Path) -> None:
    (tmp_path / "tools.json").write_text(r'[{"name": "a"}, {"name": "b", "description": "\ud83d"}]')
    with pytest.raises(UserError, match=r"tools\.json, function 1 \('b'\): 'description' holds"):
        load_rows(make_config(data={"tools": str(tmp_path / "tools.json")}).data, seed=1)


def test_empty_and_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(UserError, match="holds no rows"):
        read_chat_jsonl(tmp_path / "empty.jsonl")
    with pytest.raises(UserError, match=r"data: there is no file .*gone\.jsonl"):
        read_chat_jsonl(tmp_path / "gone.jsonl")


def test_a_byte_order_mark_is_no_part_of_the_rows(make_config: Make, tmp_path: Path) -> None:
    """Windows editors and PowerShell's `>` put one before UTF-8 text."""
    config = make_config(data={"tools": str(tmp_path / "tools.json")})
    before = load_rows(make_config().data, seed=1).splits
    (tmp_path / "tools.json").write_bytes(b'\xef\xbb\xbf[{"name": "a"}]')
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b"\xef\xbb\xbf" + rows.read_bytes())
    found = load_rows(config.data, seed=1)
    assert (found.splits, found.tools) == (before, [{"name": "a"}])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"source": "FOLDER/gone.jsonl"}, r"data\.source: there is no file .*gone\.jsonl\. Correct the path\."),
        ({"source": "./gone"}, r"data\.source: there is no folder gone\. .*starts at the current folder, /"),
        ({"source": "FOLDER/rows.json"}, r"data\.source: .*rows\.json is a file, but not \.jsonl\. Write it as"),
        ({"mixture": [{"source": "gone.jsonl"}]}, r"data\.mixture\.0\.source: there is no file gone\.jsonl"),
        ({"mixture": [{"source": "smart-home"}]}, r"data\.mixture\.0\.source can't be 'smart-home'"),
        ({"validation": "gone.jsonl"}, r"data\.validation: there is no file gone\.jsonl"),
        ({"tests": {"mine": "gone.jsonl"}}, r"data\.tests\.mine: there is no file gone\.jsonl"),
        ({"tools": "gone.json"}, r"data\.tools: there is no file gone\.json"),
    ],
)
def test_files_that_cannot_be_read_are_named_with_their_key(
    make_config: Make, tmp_path: Path, data: dict[str, Any], expected: str
) -> None:
    (tmp_path / "rows.json").write_text("[]")
    if "source" in data:
        data = {"source": data["source"].replace("FOLDER", str(tmp_path))}
    with pytest.raises(UserError, match=expected):
        check_sources(make_config(data=data).data)


def test_an_empty_file_is_named_with_its_key(make_config: Make, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    for data, key in (
        ({"source": str(tmp_path / "empty.jsonl")}, r"data\.source"),
        ({"mixture": [{"source": str(tmp_path / "empty.jsonl")}]}, r"data\.mixture\.0\.source"),
        ({"tests": {"t": str(tmp_path / "empty.jsonl")}}, r"data\.tests\.t"),
    ):
        with pytest.raises(UserError, match=rf"{key}: .*empty\.jsonl holds no rows\. Each line is one chat"):
            load_rows(make_config(data=data).data, seed=1)


def test_the_bad_file_of_a_folder_is_named(make_config: Make, tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in toy_rows(20)))
    (tmp_path / "hub" / "b.jsonl").write_text('{"messages": "x\n')
    with pytest.raises(UserError, match=r"data\.source: 1 bad rows:\n.*b\.jsonl:1: "):
        load_rows(make_config(data={"source": str(tmp_path / "hub")}).data, seed=1)


def test_rows_that_are_too_long_are_dropped_up_to_a_share(make_config: Make, tokenizer_folder: Path) -> None:
    tokenizer = ChatTokenizer.load(tokenizer_folder)
    long_row = {"messages": [{"role": "user", "content": "x y " * 200}, {"role": "assistant", "content": "a"}]}
    rows = [*toy_rows(60), long_row]
    report = gate_split("train", rows, tokenizer, make_config().data)
    assert (report.dropped, len(report.rows)) == (1, 60)
    lengths = [len(tokenizer.encode(row["messages"])[0]) for row in toy_rows(60)]
    assert report.statistics["tokens"] == sum(lengths)
    with pytest.raises(UserError, match=r"longer than data\.max_length 128"):
        gate_split("train", [*rows, long_row], tokenizer, make_config().data)


@pytest.mark.parametrize("split", ["train", "val", "t"])
def test_a_split_of_rows_that_are_all_too_long_leaves_data_as_it_was(
    make_config: Make, tmp_path: Path, split: str
) -> None:
    data = {"validation": str(tmp_path / "v.jsonl"), "tests": {"t": str(tmp_path / "t.jsonl")}, "max_dropped": 1.0}
    sources = {"train": "rows.jsonl", "val": "v.jsonl", "t": "t.jsonl"}
    config = make_config(data=data)
    for number, file in enumerate(sources.values()):
        rows = toy_rows(90)[number * 30 : number * 30 + 30]
        (tmp_path / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_stage(STAGE, config)
    before = {path.name: path.read_bytes() for path in (tmp_path / "tiny" / "data").glob("*.jsonl")}
    long_row = {"prompt": f"{split} x y " * 200, "completion": "a"}
    (tmp_path / sources[split]).write_text("".join(json.dumps(long_row | {"id": str(n)}) + "\n" for n in range(3)))
    with pytest.raises(UserError, match=rf"All 3 rows of '{split}' are longer than data\.max_length 128"):
        run_stage(STAGE, config.model_copy(update={"seed": config.seed + 1}))
    assert {path.name: path.read_bytes() for path in (tmp_path / "tiny" / "data").glob("*.jsonl")} == before


def test_a_row_without_assistant_turn_is_refused(make_config: Make, tokenizer_folder: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "a"}], "id": "lonely"}]
    with pytest.raises(UserError, match=r"lonely.*no supervised token"):
        gate_split("train", rows, ChatTokenizer.load(tokenizer_folder), make_config().data)


def test_test_rows_in_training_are_refused() -> None:
    rows = toy_rows(5)
    with pytest.raises(UserError, match="also stand in the training rows"):
        check_no_leak({"train": rows, "t1": [rows[3]]})
    check_no_leak({"train": rows[:3], "t1": rows[3:]})
