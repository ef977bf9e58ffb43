"""The data stage on the user's own rows: sources, gate, bad input."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import datasets
import pytest

from tests.conftest import toy_rows
from train.chat import ChatTokenizer
from train.config import Config
from train.data import STAGE
from train.data.chat_jsonl import ChatFile, read_chat_jsonl
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


def test_only_a_line_feed_ends_a_row(tmp_path: Path) -> None:
    """JSON text may hold every other break; one counted as a row would shift the numbers of those behind it."""
    row = '{"prompt": "a\u2028b\x85c", \r "completion": "d\x0be"}'.replace("\x0b", "\\u000b")
    (tmp_path / "r.jsonl").write_bytes(f"\ufeff{row}\r\n\r\n{row}\n[]".encode())
    with pytest.raises(UserError, match=r"1 bad rows:\n .*r\.jsonl:4: a JSON object"):
        read_chat_jsonl(tmp_path / "r.jsonl")
    (tmp_path / "r.jsonl").write_bytes(f"\ufeff{row}\r\n\r\n{row}".encode())
    found = ChatFile(tmp_path / "r.jsonl", "data.source")
    assert found.rows([1, 0]) == read_chat_jsonl(tmp_path / "r.jsonl")
    assert [message["content"] for message in found.rows([0])[0]["messages"]] == ["a\u2028b\x85c", "d\x0be"]
    assert read_chat_jsonl(tmp_path / "r.jsonl", limit=1) == found.rows([0])


def test_a_line_that_is_no_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b'{"prompt": "a", "completion": "b"}\n{"prompt": "\xe9"}')
    with pytest.raises(UserError, match=r"r\.jsonl:2 can't be read as UTF-8 text: .* Save it as UTF-8"):
        read_chat_jsonl(tmp_path / "r.jsonl")


def test_a_large_file_is_never_held_whole(make_config: Make, tmp_path: Path) -> None:
    with (tmp_path / "rows.jsonl").open("w") as file:
        for number in range(4000):
            file.write(json.dumps({"prompt": f"{number}", "completion": "x" * 2000}) + "\n")
    config = make_config(data={"train_rows": 20, "validation_rows": 5})
    tracemalloc.start()
    try:
        found = load_rows(config.data, seed=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(found.splits["train"]), len(found.splits["val"])) == (20, 5)
    assert peak < 2e6  # the file has 8 MB


def test_the_rows_of_a_file_are_drawn_as_before(make_config: Make) -> None:
    """A seed keeps its meaning: the rows shuffled, the first for validation, the next for training."""
    shuffled = toy_rows(80)
    random.Random(7).shuffle(shuffled)
    found = load_rows(make_config(data={"train_rows": 30}).data, seed=7).splits
    assert (found["val"], found["train"]) == (shuffled[:8], shuffled[8:38])


@pytest.mark.parametrize("streaming", [False, True])
def test_a_hugging_face_data_set_folder(make_config: Make, tmp_path: Path, streaming: bool) -> None:
    folder = tmp_path / "hub"
    folder.mkdir()
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in toy_rows(50)))
    config = make_config(data={"source": str(folder), "streaming": streaming, "train_rows": 30})
    found = load_rows(config.data, seed=1)
    assert (len(found.splits["train"]), len(found.splits["val"])) == (30, 3)
    assert {row["id"] for row in found.splits["train"]} <= {row["id"] for row in toy_rows(50)}
    assert load_rows(config.data, seed=1).splits == found.splits


@pytest.mark.parametrize("streaming", [False, True])
def test_rows_of_a_data_set_are_drawn_by_chance(make_config: Make, tmp_path: Path, streaming: bool) -> None:
    """Many are sorted, by label for example: the first rows alone would be of one kind."""
    (tmp_path / "hub").mkdir()
    rows = [row | {"label": number // 150} for number, row in enumerate(toy_rows(300))]
    (tmp_path / "hub" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {"source": str(tmp_path / "hub"), "streaming": streaming, "train_rows": 60}
    one, other = (load_rows(make_config(data=data).data, seed).splits["train"] for seed in (1, 2))
    assert {row["label"] for row in one} == {0, 1}
    assert one != other


def test_a_data_set_of_several_configurations(make_config: Make, tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    for number, name in enumerate("ab"):
        (hub / name).mkdir(parents=True)
        rows = "".join(json.dumps(row) + "\n" for row in toy_rows(60)[30 * number : 30 * number + 30])
        (hub / name / "train.jsonl").write_text(rows)
        (hub / name / "dev.jsonl").write_text(rows.replace("toy-", "dev-"))
    files = "  data_files:\n  - {{split: train, path: {0}/train.jsonl}}\n  - {{split: dev, path: {0}/dev.jsonl}}\n"
    configs = "".join(f"- config_name: {name}\n{files.format(name)}" for name in "ab")
    (hub / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")

    def ids(**data: Any) -> set[str]:
        splits = load_rows(make_config(data={"source": str(hub), **data}).data, seed=1).splits
        return {row["id"] for row in splits["train"] + splits["val"]}

    with pytest.raises(UserError, match=r"data\.source .*\['a', 'b'\].*data\.hub_config names the one to load"):
        ids()
    with pytest.raises(UserError, match=r"data\.source .*\(config 'c', split 'train'\) can't be loaded: .*'c'"):
        ids(hub_config="c")
    assert ids(hub_config="b") == {row["id"] for row in toy_rows(60)[30:]}
    parts = [{"source": str(hub), "hub_config": "b", "hub_split": "dev", "weight": 30.0}, {"source": str(hub)}]
    assert {name[:3] for name in ids(mixture=parts, hub_config="a")} == {"dev", "toy"}
    named = {name for name in ids(mixture=parts, hub_config="a") if name.startswith("toy")}
    assert named <= {row["id"] for row in toy_rows(60)[:30]}


def test_a_folder_that_is_called_as_a_reader_of_datasets(
    make_config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To `datasets`, "csv" without "./" is its own reader."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in toy_rows(20)))
    found = load_rows(make_config(data={"source": "./csv"}).data, seed=1)
    assert len(found.splits["train"]) == 18


@pytest.mark.parametrize("revision", [{}, {"hub_revision": "v1"}])
def test_the_hub_is_asked_for_the_configuration_and_the_revision(
    make_config: Make, revision: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def load_dataset(*names: Any, **options: Any) -> datasets.Dataset:
        asked.append((*names, options["revision"]))
        return datasets.Dataset.from_list(toy_rows(20))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    part = {"source": "b/set", "hub_revision": "v2", "hub_config": "de"}
    load_rows(make_config(data={"source": "a/set", **revision}).data, seed=1)
    load_rows(make_config(data={"mixture": [{"source": "a/set"}, part], **revision}).data, seed=1)
    default = revision.get("hub_revision")
    assert asked == [("a/set", None, default), ("a/set", None, default), ("b/set", "de", "v2")]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_data_set_in_the_home_folder(
    make_config: Make, tmp_path: Path, streaming: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in toy_rows(20)))
    config = make_config(data={"source": "~/hub", "streaming": streaming})
    check_sources(config.data)
    assert len(load_rows(config.data, seed=1).splits["train"]) == 18


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
        ('{"prompt": "a", "completion": " \\n"}', "message 1 of the assistant is empty"),
        ('{"prompt": [{"text": ""}], "completion": "a"}', "message 0 of the user is empty"),
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
    with pytest.raises(UserError, match=r"hub.*row \d+: 'asked' can't be written as JSON \(.*datetime.*leave it out"):
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


@pytest.mark.parametrize("streaming", [False, True])
def test_the_bad_file_of_a_folder_is_named(make_config: Make, tmp_path: Path, streaming: bool) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in toy_rows(20)))
    (tmp_path / "hub" / "b.jsonl").write_text('{"messages": "x\n')
    with pytest.raises(UserError, match=r"data\.source: 1 bad rows:\n.*b\.jsonl:1: "):
        load_rows(make_config(data={"source": str(tmp_path / "hub"), "streaming": streaming}).data, seed=1)


def test_a_stream_that_breaks_off_is_one_clear_message(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield from toy_rows(3)
        raise ConnectionError("the server went away")

    stream = datasets.IterableDataset.from_generator(broken)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: stream)
    with pytest.raises(UserError, match=r"data\.source 'a/set' .*can't be loaded: .*the server went away"):
        load_rows(make_config(data={"source": "a/set", "streaming": True}).data, seed=1)


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


def chat(*texts: str, first: str = "user") -> dict[str, Any]:
    """Turns of user and assistant by turns, the last the assistant's."""
    roles = ["user", "assistant"] if first == "user" else ["assistant", "user"]
    return {"messages": [{"role": roles[number % 2], "content": text} for number, text in enumerate(texts)]}


def test_an_answer_taught_in_the_middle_of_a_row_is_a_leak_too() -> None:
    training = [chat("Where is it?", "Here.", "Thanks", "Bye.")]
    with pytest.raises(UserError, match=r"1 rows of 't1' also stand in the training rows, for example 'where is it\?'"):
        check_no_leak({"train": training, "t1": [chat("where is it?", "Here.")]})
    check_no_leak({"train": training, "t1": [chat("Where is it?", "There.", "Thanks", "Bye.")]})


def test_rows_without_a_prompt_are_told_apart_by_their_text() -> None:
    said = [{"role": "system", "content": "Tell a story."}]
    for before in ([], said):
        one, other = ({"messages": [*before, {"role": "assistant", "content": text}]} for text in ("One", "Two"))
        check_no_leak({"train": [one], "t1": [other]})
        with pytest.raises(UserError, match=r"for example '(One|Tell a story\.)'"):
            check_no_leak({"train": [other, one], "t1": [one]})
    greeted = [chat("Hello!", text, "Yes.", first="assistant") for text in ("One", "Two")]
    check_no_leak({"train": greeted[:1], "t1": greeted[1:]})


def write_rows(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("seed", range(4))
def test_rows_with_the_same_prompt_land_in_the_same_split(make_config: Make, tmp_path: Path, seed: int) -> None:
    several = [chat(f"question {n}", "a", "more", f"{n}") for n in range(40)]
    again = [chat(f"Question {n}", f"{way}") for n in range(40) for way in range(n % 4)]
    rows = [*several, *again, *(chat(text, "Hi!") for text in ("Hello", "hello") * 20)]
    write_rows(tmp_path, rows)
    splits = load_rows(make_config().data, seed).splits
    check_no_leak(splits)
    assert len(splits["val"]) == 8
    assert len(splits["train"]) + len(splits["val"]) == len(rows)


def test_where_every_prompt_has_many_answers_the_rarest_validates(make_config: Make, tmp_path: Path) -> None:
    write_rows(tmp_path, [chat(f"{n % 3}", f"{n}") for n in range(62)])
    splits = load_rows(make_config().data, seed=1).splits
    check_no_leak(splits)
    assert {row["messages"][0]["content"] for row in splits["val"]} == {"2"}
    assert (len(splits["val"]), len(splits["train"])) == (6, 42)
    write_rows(tmp_path, [chat("same", f"{n}") for n in range(20)])
    with pytest.raises(UserError, match=r"All have the same prompt.*data\.validation"):
        load_rows(make_config().data, seed=1)


def test_own_validation_rows_are_checked_as_before(make_config: Make, tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_text(json.dumps(toy_rows(5)[2]) + "\n")
    found = load_rows(make_config(data={"validation": str(tmp_path / "v.jsonl")}).data, seed=1)
    with pytest.raises(UserError, match="1 rows of 'val' also stand in the training rows"):
        check_no_leak(found.splits)
