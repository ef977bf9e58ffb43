"""The stage from rows to report, with fake engines in real workers."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval import answers_key
from eval.answers_key import engine_key
from eval.engines.engine import Answer
from eval.likelihood import read_text
from eval.results import read_result
from eval.samples import SampleFile, as_sample, open_slots_of, read_samples, read_set
from eval.stage import check_before, run
from tests.conftest import tiny_config
from tests.eval.conftest import EVAL
from train.config import Config, load_config
from train.errors import TandemError, UserError
from train.metrics import score_choice
from train.runs import RunFolder, StageContext
from train.tracking.tracker import Tracker

CONFIGS = [p for p in sorted((Path(__file__).parents[2] / "configs").glob("*.yaml")) if p.stem != "gates"]
Fake = Callable[..., None]


@pytest.fixture
def context(run_folder: RunFolder, config: Config) -> Iterator[StageContext]:
    with Tracker(run_folder.path, "eval") as tracker:
        yield StageContext(config, run_folder, "0" * 64, tracker, run_folder.path / "checkpoints")


def numbers(run: RunFolder, name: str, n: int) -> list[int]:
    return [int(row["messages"][0]["content"].split()[3]) for row in read_set(run.data, name, n)]


def asked(run: RunFolder, engine: str) -> int:
    path = run.path / f"asked-{engine}"
    return len(path.read_text()) if path.exists() else 0


def test_quality_speed_and_report(fake: Fake, context: StageContext) -> None:
    fake("teacher-eager", "Right")
    fake("student-keras", "Half")
    headline = run(context)
    odd = sum(number % 2 for number in numbers(context.run, "t3", 10))
    assert headline == {"teacher-eager": 1.0, "student-keras": round(odd / 10, 4)}

    student = read_result(context.run.eval / "student-keras.json")
    quality = student.quality["t3"]
    assert (quality.exact.k, quality.exact.n) == (odd, 10)
    assert quality.errors == {"wrong_argument": 10 - odd}
    assert quality.intent is not None
    assert quality.intent.k == 10
    assert quality.false_call is None
    assert sum(share.n for share in quality.by_category.values()) == 10
    assert student.agreement is not None
    right = odd + sum(number % 2 for number in numbers(context.run, "none", 4))
    assert (student.agreement.parent, student.agreement.same.k, student.agreement.same.n) == (
        "teacher-eager",
        right,
        14,
    )
    assert student.speed is not None
    assert len(student.speed.ttft_s) == 3, "the warm-up round is dropped"
    assert student.speed.ratio == pytest.approx(2.0), "half the seconds of the teacher"
    assert (student.speed.token_p50_s, student.speed.token_p95_s) == (0.001, 0.001)
    assert student.speed.tokens_per_s == pytest.approx(1000)
    assert student.speed.ttft_p50_s == pytest.approx(0.01)
    assert student.status == "ok"
    assert "student-keras" in (context.run.path / "report.md").read_text()
    assert (context.run.path / "report.html").exists()


def test_failed_engine_is_reported_and_the_others_go_on(fake: Fake, context: StageContext) -> None:
    fake("teacher-eager", "CrashesAtAnswer")
    fake("student-keras", "Right")
    assert run(context) == {"teacher-eager": None, "student-keras": 1.0}
    teacher = read_result(context.run.eval / "teacher-eager.json")
    assert teacher.status == "failed"
    assert "status 9" in (teacher.error or "")
    for name in ("report.md", "report.html"):
        assert "segmentation fault, say" in (context.run.path / name).read_text()


def test_failure_in_the_speed_test_keeps_the_quality(fake: Fake, context: StageContext) -> None:
    fake("teacher-eager", "Right")
    fake("student-keras", "Raises")
    assert run(context)["student-keras"] == 1.0
    student = read_result(context.run.eval / "student-keras.json")
    assert (student.status, student.speed) == ("failed", None)
    assert "out of memory" in (student.error or "")


def test_engine_without_its_library_is_skipped_by_name(fake: Fake, context: StageContext) -> None:
    fake("teacher-eager", "Right")
    fake("student-keras", "Uninstalled")
    assert run(context) == {"teacher-eager": 1.0, "student-keras": None}
    student = read_result(context.run.eval / "student-keras.json")
    assert student.status == "skipped"
    for name in ("report.md", "report.html"):
        text = html.unescape((context.run.path / name).read_text()).replace("\\", "")  # Markdown's escapes
        assert "student-keras skipped:" in text
        assert "pip install -c constraints.txt -e '.[bench]'" in text


def test_engine_that_hangs_is_ended_by_the_configured_limit(fake: Fake, context: StageContext) -> None:
    fake("teacher-eager", "Right")
    fake("student-keras", "HangsInSpeed")
    values = context.config.model_dump(mode="json")
    values["eval"]["limit_s"] = 15.0  # more than a busy machine needs to start a worker
    headline = run(dataclasses.replace(context, config=Config.model_validate(values)))
    assert headline["teacher-eager"] == 1.0
    teacher, student = (read_result(context.run.eval / f"{engine}.json") for engine in headline)
    assert (teacher.status, student.status) == ("ok", "failed")
    assert "within 15 s; the engine was ended" in (student.error or "")
    assert teacher.speed is not None


def test_no_engine_at_all_is_an_error(fake: Fake, context: StageContext) -> None:
    fake("teacher-eager", "Missing")
    fake("student-keras", "Missing")
    with pytest.raises(TandemError, match=r"No engine could answer.*run the earlier stages"):
        run(context)


def test_answers_are_taken_up_row_by_row(fake: Fake, context: StageContext) -> None:
    for engine in ("teacher-eager", "student-keras"):
        fake(engine, "CrashesAtAnswer" if engine == "student-keras" else "Right")
    run(context)
    assert asked(context.run, "student-keras") == 4  # one batch, then it died
    fake("student-keras", "Right")
    with (context.run.eval / "samples" / "student-keras.partial.jsonl").open("a") as file:
        file.write('{"key": "half a li')
    assert run(context)["student-keras"] == 1.0
    assert asked(context.run, "student-keras") == 14  # 4 before, 10 now
    assert asked(context.run, "teacher-eager") == 14  # none of them again
    assert len(read_samples(context.run.eval / "samples", "student-keras")) == 14
    assert not (context.run.eval / "samples" / "student-keras.partial.jsonl").exists()


def test_an_engine_that_is_left_out_once_is_not_asked_again(
    fake: Fake, context: StageContext, capfd: pytest.CaptureFixture[str]
) -> None:
    for engine in ("teacher-eager", "student-keras"):
        fake(engine, "Right")
    run(context)
    section = context.config.eval.model_copy(update={"engines": ["teacher-eager"]})
    run(replace(context, config=context.config.model_copy(update={"eval": section})))
    assert "student-keras: no longer in eval.engines" in capfd.readouterr().err
    assert not (context.run.eval / "student-keras.json").exists()
    assert run(context)["student-keras"] == 1.0
    assert asked(context.run, "student-keras") == 14


def test_an_engine_without_likelihoods_keeps_its_answers_and_is_timed(
    fake: Fake, context: StageContext, capfd: pytest.CaptureFixture[str]
) -> None:
    fake("teacher-eager", "Right")
    fake("student-keras", "ForgetsProbabilities")
    section = context.config.eval.model_copy(update={"likelihood_rows": 4})
    context = replace(context, config=context.config.model_copy(update={"eval": section}))
    assert run(context)["student-keras"] == 1.0
    found = read_result(context.run.eval / "student-keras.json")
    assert (found.status, found.answers) == ("ok", None)
    assert found.speed is not None
    assert "student-keras: no likelihoods: the text does not fit" in capfd.readouterr().err


@pytest.mark.parametrize(
    "what", ["tools", "code", "examples", "library", "mobile/tokenizer.json", "student/hf/tokenizer.json"]
)
def test_what_answers_depend_on_beside_the_weights(
    context: StageContext, what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run, config = context.run, context.config
    run.mobile.mkdir()
    (run.mobile / "tools.json").write_text("[]")
    tokenizers = [run.path / name for name in ("mobile", "student/hf", "data/tokenizer", "teacher")]
    for folder in tokenizers:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.json").write_text(folder.name)
    names = ("base", "teacher-eager", "student-tflite-int8-constrained")
    before = {name: engine_key(name, "0", config, run) for name in names}
    assert before == {name: engine_key(name, "0", config, run) for name in names}
    if what == "tools":
        (run.mobile / "tools.json").write_text("[{}]")
    elif what == "code":
        monkeypatch.setattr(answers_key, "SOURCES", ("eval/engines",))
    elif what == "library":
        monkeypatch.setattr(answers_key, "version", lambda name: "1.0")
    elif what.endswith("tokenizer.json"):
        (run.path / what).write_text("another")
    else:
        path = run.data / "train.jsonl"
        path.write_text(path.read_text().replace("turn on", "switch on"))
    changed = {name for name in names if engine_key(name, "0", config, run) != before[name]}
    of_student = {names[2]}
    expected = {"tools": of_student, "code": set(names), "library": set(names), "examples": {"base"}}
    assert changed == expected.get(what, of_student)


def test_changed_row_is_asked_again(fake: Fake, context: StageContext) -> None:
    for engine in ("teacher-eager", "student-keras"):
        fake(engine, "Right")
    run(context)
    path = context.run.data / "t3.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["messages"][0]["content"] = "turn on fan 99 in the shed"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(context)
    assert asked(context.run, "teacher-eager") == 15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engines": ["teacher-egaer"]}, "Did you mean 'teacher-eager'"),
        ({"engines": []}, "eval.engines is empty"),
        ({"engines": ["base", "base"]}, "twice"),
        ({"headline": "t9"}, "eval.headline is 't9'"),
        ({"sets": {"t3": 5, "t7": 5}}, "test set 't7'.*Sets here: none, t3, train"),
    ],
)
def test_wrong_requests_are_found_before_anything_starts(
    context: StageContext, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    values = context.config.model_dump(mode="json")
    values["eval"] |= change
    other = dataclasses.replace(context, config=Config.model_validate(values))
    with pytest.raises(UserError, match=message):
        run(other)
    assert not context.run.eval.exists()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_the_shipped_configs_ask_for_what_their_data_have(path: Path) -> None:
    check_before(load_config(path).config)


def test_test_sets_are_known_before_the_data_are_there(tmp_path: Path) -> None:
    def check(data: dict[str, Any], *sets: str) -> None:
        asked = {"sets": dict.fromkeys(sets, 5), "headline": sets[0]}
        check_before(tiny_config(tmp_path, data=data, eval=asked))

    check({"source": "smart-home"}, "t1", "none", "val", "bfcl_simple")
    check({"tests": {"mine": "m.jsonl"}}, "mine", "train")
    for data in ({"tests": {"mine": "m.jsonl"}}, {"source": "smart-home", "mixture": [{"source": "a.jsonl"}]}):
        with pytest.raises(
            UserError, match=r"'t3', which this config's data have not\. Sets: train, val, .*data\.tests"
        ):
            check(data, "t3")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"messages": []}', "must be a list of messages"),
        ('{"messages": [{"role": "user", "content": "hi"}]}', "the last message must be the assistant's"),
        ('{"messages": [{"role": "assistant", "content": "hi"}]}', "a user's message before"),
        (
            '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": " "}]}',
            "message 1 of the assistant is empty",
        ),
        ('{"messages": [', r"is not JSON: Expecting value at column 15"),
    ],
)
def test_rows_that_cannot_be_judged_are_named(run_folder: RunFolder, line: str, message: str) -> None:
    with (run_folder.data / "t3.jsonl").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(UserError, match=rf"t3\.jsonl:21 .*{message}"):
        read_set(run_folder.data, "t3", 100)


def write_rows(run: RunFolder, name: str, rows: list[dict[str, Any]]) -> None:
    (run.data / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("shared", [{"id": "chat-7"}, {"id": None}])
def test_rows_that_share_an_id_are_paired_each_with_itself(
    fake: Fake, context: StageContext, shared: dict[str, Any]
) -> None:
    """Both engines answer the same: all of it agrees, and neither is better."""
    write_rows(context.run, "t3", [row | shared for row in read_set(context.run.data, "t3", 10)])
    fake("teacher-eager", "Half")
    fake("student-keras", "Half")
    run(context)
    student = read_result(context.run.eval / "student-keras.json")
    assert student.agreement is not None
    assert (student.agreement.same.k, student.agreement.same.n) == (14, 14)
    assert student.difference is not None
    assert (student.difference.value, student.difference.p) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("eval_keys", "row_keys", "message"),
    [
        ({}, {"category": 3}, "'category' is 3, where a text"),
        ({}, {"category": ["a"]}, r"'category' is \['a'\], where a text"),
        ({}, {"id": {"n": 1}}, r"'id' is \{'n': 1\}, where a text or a whole number"),
        ({}, {"id": True}, "'id' is True, where"),
        ({}, {"open": "area"}, "'open' is 'area', where an object"),
        ({"scorer": "choice"}, {"choices": [1, 2]}, r"The choices \[1, 2\] are not a list of texts"),
        ({"scorer": "choice"}, {"choices": "ab"}, "'choices' is 'ab', where a list of texts"),
        ({"scorer": "choice"}, {"choices": ["a", "b"]}, "is not among the choices"),
        ({"scorer": "choice"}, {"choices": None}, r"is not among the choices \[\]"),
        ({}, {"function": "f", "possible": {"a": [1]}}, "'function' 'f' and 'possible' .* are not a schema"),
    ],
)
def test_keys_of_rows_are_checked_before_an_engine_starts(
    fake: Fake, context: StageContext, eval_keys: dict[str, Any], row_keys: dict[str, Any], message: str
) -> None:
    rows = read_set(context.run.data, "t3", 10)
    rows = [row | {"choices": [row["messages"][-1]["content"]]} for row in rows]
    rows[6] |= row_keys
    write_rows(context.run, "t3", rows)
    config = Config.model_validate(context.config.model_dump(mode="json") | {"eval": EVAL | eval_keys})
    fake("teacher-eager", "Right")
    fake("student-keras", "Right")
    with pytest.raises(UserError, match=r"The test set 't3' of eval\.sets can't be .* Bad rows: 1\.") as caught:
        run(dataclasses.replace(context, config=config))
    assert re.search(rf"t3\.jsonl:7 .*{message}", str(caught.value)), str(caught.value)
    assert "Correct them where they come from" in str(caught.value)
    assert not context.run.eval.exists()


def test_texts_under_the_scorer_of_calls_are_one_error_before_an_engine_starts(
    fake: Fake, context: StageContext
) -> None:
    rows = read_set(context.run.data, "t3", 10)
    for row in rows:
        row["messages"][-1]["content"] = "The light is on. " * 20
    write_rows(context.run, "t3", rows)
    fake("teacher-eager", "Right")
    fake("student-keras", "Right")
    with pytest.raises(UserError, match=r"Bad rows: 10\.") as caught:
        run(context)
    lines = str(caught.value).splitlines()
    assert len(lines) == 8
    assert re.search(r"t3\.jsonl:1 .*The light is on\..*… is not a call .* set eval\.scorer to 'exact'", lines[1])
    assert lines[6] == "  … and 5 more"
    assert not context.run.eval.exists()


def test_keys_of_another_scorer_may_be_anything(run_folder: RunFolder) -> None:
    rows = [row | {"open": 12.5, "choices": 3, "category": None} for row in read_set(run_folder.data, "t3", 3)]
    write_rows(run_folder, "t3", rows)
    assert len(read_set(run_folder.data, "t3", 3, "exact")) == 3
    assert open_slots_of(rows) == frozenset()


def test_every_row_has_an_id_of_its_own(run_folder: RunFolder) -> None:
    given: list[dict[str, Any]] = [{"id": "chat"}, {"id": "chat"}, {}, {"id": None}, {"id": "chat#2"}, {"id": 5}]
    rows = [{"messages": row["messages"]} for row in read_set(run_folder.data, "t3", 6)]
    write_rows(run_folder, "t3", [row | key for row, key in zip(rows, given, strict=True)])
    expected = ["chat", "chat#2", "t3-000002", "t3-000003", "chat#2#2", "5"]
    assert [row["id"] for row in read_set(run_folder.data, "t3", 6)] == expected
    assert [row["id"] for row in read_set(run_folder.data, "t3", 2)] == expected[:2], "the same with fewer rows"


def test_right_values_are_checked_by_the_reference(run_folder: RunFolder) -> None:
    """Of rows judged like the leaderboard's."""
    schema = {"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}, "required": ["a"]}}
    call = {"role": "assistant", "content": '{"name":"f","arguments":{"a":1}}'}
    row = {"messages": [{"role": "user", "content": "one"}, call], "function": schema, "possible": {"a": [1, 2]}}
    write_rows(run_folder, "t3", [row])
    assert len(read_set(run_folder.data, "t3", 1, "exact")) == 1
    write_rows(run_folder, "t3", [row | {"possible": {"a": [2]}}])
    with pytest.raises(UserError, match=r"t3\.jsonl:1 .*is not right by its own 'possible' \{'a': \[2\]\}"):
        read_set(run_folder.data, "t3", 1, "exact")


def test_answers_with_line_separators_are_kept(tmp_path: Path) -> None:
    said = Answer("a\u2028b\u2029c\u0085d", 5, True)
    SampleFile(tmp_path, "base").add("key", said)
    again = SampleFile(tmp_path, "base")
    assert again.get("key") == said
    row = {"id": "t3-0", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}
    again.finish([as_sample("t3", row, "key", said, score_choice(said.text, "y", "x", True, choices=["y"]))])
    assert [sample["answer"]["text"] for sample in read_samples(tmp_path, "base")] == [said.text]
    assert SampleFile(tmp_path, "base").get("key") == said


def test_plain_text_must_be_there(context: StageContext, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    config = Config.model_validate(context.config.model_dump(mode="json") | {"eval": {"text": str(path)}})
    with pytest.raises(UserError, match=r"eval\.text names .*can't be read"):
        read_text(config.eval)
    path.write_text("\n")
    with pytest.raises(UserError, match="which is empty"):
        read_text(config.eval)
    path.write_text("once upon a time")
    assert read_text(config.eval) == "once upon a time"
