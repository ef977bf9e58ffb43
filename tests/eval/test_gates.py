"""Gates on a finished run made by hand: outcome and figures of each kind, JUnit XML, exit status, wrong files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from eval.gate_report import judge_run
from eval.gates import Judge
from eval.gates_config import GatesConfig, QualityDrop, read_gates
from tests.eval.golden import write_golden
from train.command import guarded
from train.errors import GateError, UserError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "golden"
    write_golden(folder)
    return folder


def gates(folder: Path, text: str) -> Path:
    path = folder / "gates.yaml"
    path.write_text(text)
    return path


def outcomes(run: Path, path: Path) -> list[tuple[str, str]]:
    try:
        found = judge_run(run, path)
    except GateError as error:
        found = error.result or {}
    return [(entry["outcome"], entry["detail"]) for entry in found["gates"]]


QUALITY = "quality_drop:\n  - {artifact: student-tflite-int8, against: %s, max_drop: %s}\n"


@pytest.mark.parametrize(
    ("against", "max_drop", "outcome"),
    [
        # Of 20 rows the student has 4 wrong, its int8 file the same and one more. Where all discordant rows lie on one
        # side, the far end is Wilson's: that of 1 of 20 is 23.6 %.
        ("student-keras", 0.24, "passed"),
        ("student-keras", 0.23, "undecided"),
        ("student-keras", 0.02, "undecided"),
        # Against the teacher one row is won and four are lost: the upper end is above 0.
        ("teacher-eager", 0.0, "undecided"),
        ("student-tflite-int8", 0.2, "passed"),
        # Nothing differs, but 0 of 20 rows do not show that fewer than 5 % would: Wilson's upper end is 16 %.
        ("student-tflite-int8", 0.05, "undecided"),
    ],
)
def test_quality_drop(run: Path, tmp_path: Path, against: str, max_drop: float, outcome: str) -> None:
    [(found, detail)] = outcomes(run, gates(tmp_path, QUALITY % (against, max_drop)))
    assert found == outcome, detail
    assert ("rows decide" in detail) == (outcome == "undecided")


@pytest.mark.parametrize(
    ("won", "lost", "n", "max_drop", "outcome"),
    [
        (1, 0, 10, 0.02, "undecided"),  # one lucky row
        (0, 1, 1, 0.02, "undecided"),
        (0, 4, 10, 0.05, "undecided"),  # McNemar: p = 0.125
        (0, 10, 20, 0.05, "failed"),
        (3, 3, 3_000, 0.02, "passed"),
    ],
)
def test_few_rows_decide_nothing(won: int, lost: int, n: int, max_drop: float, outcome: str) -> None:
    ours = [_sample(number, number >= lost) for number in range(n)]
    theirs = [_sample(number, not lost <= number < lost + won) for number in range(n)]
    gate = QualityDrop(artifact="a", against="b", set="t3", max_drop=max_drop)
    results = {name: SimpleNamespace(quality={"t3": None}, error=None) for name in "ab"}
    judge = Judge(results, lambda engine: ours if engine == "a" else theirs)  # type: ignore[arg-type]
    [verdict] = judge.verdicts(GatesConfig(quality_drop=[gate]))
    assert verdict.outcome == outcome, verdict.detail


def test_rows_that_decide_depend_on_the_distance_to_the_limit(run: Path, tmp_path: Path) -> None:
    """One row of 20 is lost, 5 points."""
    drops = (0.1, 0.08, 0.05)
    far, near, on = (outcomes(run, gates(tmp_path, QUALITY % ("student-keras", drop)))[0][1] for drop in drops)
    assert 20 < _rows(far) < _rows(near)
    assert "no number of rows decides" in on


def _rows(text: str) -> int:
    found = re.search(r"about ([\d,]+) rows decide", text)
    assert found
    return int(found[1].replace(",", ""))


def _sample(number: int, exact: bool) -> dict[str, Any]:
    said = {"utterance": str(number), "expected": "x"}
    return {"set": "t3", "id": f"t3-{number}", "score": {"exact": exact}, **said}


def test_quality_drop_fails_where_the_upper_end_is_below(run: Path, tmp_path: Path) -> None:
    """16 of 20 rows lost, none won: the far end is Wilson's of 16 of 20, 91.9 %."""
    folder = tmp_path / "bad"
    write_golden(folder)
    path = folder / "eval" / "samples" / "student-tflite-int8.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["score"]["exact"] = False
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    [(found, detail)] = outcomes(folder, gates(tmp_path, QUALITY % ("student-keras", 0.1)))
    assert found == "failed"
    assert detail.startswith("-80.0 points [-91.9; -51.0] on 20 rows")


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        ("at_least: 0.5", "passed"),  # 15 of 20: Wilson 53.1 to 88.8 %
        ("at_least: 0.6", "undecided"),
        ("at_least: 0.9", "failed"),
        ("at_most: 0.9", "passed"),
        ("at_most: 0.8", "undecided"),
        ("at_most: 0.5", "failed"),
    ],
)
def test_floor(run: Path, tmp_path: Path, limit: str, outcome: str) -> None:
    text = f"floor:\n  - {{artifact: student-tflite-int8, figure: exact, set: t3, {limit}}}\n"
    [(found, detail)] = outcomes(run, gates(tmp_path, text))
    assert (found, detail[:20]) == (outcome, "75.0 % [53.1; 88.8] ")


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        ("max_mb: 10", "passed"),
        ("max_mb: 9.99", "failed"),
        ("against: student-keras, max_ratio: 0.25", "passed"),
        ("max_mb: 99, against: student-keras, max_ratio: 0.24", "failed"),
    ],
)
def test_size(run: Path, tmp_path: Path, limit: str, outcome: str) -> None:
    text = f"size:\n  - {{artifact: student-tflite-int8, {limit}}}\n"
    assert outcomes(run, gates(tmp_path, text))[0][0] == outcome


@pytest.mark.parametrize(
    ("artifact", "limits", "outcome"),
    [
        # A request is 5 + 3 times the seconds of a token: 16 ms for int8, 80 for Keras, 160 for the teacher.
        ("student-tflite-int8, against: student-keras", "max_ratio: 0.2, floor_ms: 0", "passed"),
        ("student-keras, against: student-tflite-int8", "max_ratio: 4.9, floor_ms: 1", "failed"),
        ("student-keras, against: student-tflite-int8", "max_ratio: 5.1, floor_ms: 1", "passed"),
        ("student-keras, against: student-tflite-int8", "max_ratio: 1.0, floor_ms: 65", "passed"),
        ("student-keras, against: student-tflite-int8", "figure: token, max_ratio: 1.0, floor_ms: 7.9", "failed"),
        ("student-keras, against: student-tflite-int8", "figure: ttft, max_ratio: 1.0, floor_ms: 41", "passed"),
    ],
)
def test_latency_by_ratio_with_a_floor(run: Path, tmp_path: Path, artifact: str, limits: str, outcome: str) -> None:
    text = f"latency:\n  - {{artifact: {artifact}, {limits}}}\n"
    [(found, detail)] = outcomes(run, gates(tmp_path, text))
    assert found == outcome, detail


def test_junit_status_and_last_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("junitparser", reason="JUnit XML needs the extra 'eval'")
    text = (
        QUALITY % ("student-keras", 0.02)
        + "size:\n  - {artifact: student-tflite-int8, max_mb: 1}\n  - {artifact: student-keras, max_mb: 100}\n"
        + "floor:\n  - {artifact: base, at_least: 0.5}\n  - {artifact: baseline-linear, at_least: 0.5}\n"
    )
    path, junit = gates(tmp_path, text), tmp_path / "gates.xml"
    assert guarded(lambda: judge_run(run, path, junit)) == 3
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["passed"], last["counts"]) == (False, {"undecided": 1, "missing": 2, "failed": 1, "passed": 1})
    suite = ElementTree.parse(junit).getroot().find("testsuite")
    assert suite is not None
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5", "failures": "1", "errors": "2", "skipped": "1",
    }  # fmt: skip
    errors = [error.get("message", "") for error in suite.iter("error")]
    assert "died of" in errors[0], "the reason of an engine that failed"
    assert errors[1].startswith("no result for baseline-linear; this run has teacher-eager")


def test_junit_that_cannot_be_written_is_named(run: Path, tmp_path: Path) -> None:
    path = gates(tmp_path, "floor:\n- {artifact: teacher-eager, at_least: 0.1}\n")
    with pytest.raises(UserError, match=rf"--junit {tmp_path} is a folder: name the file, e\.g\. --junit .*gates\.xml"):
        judge_run(run, path, tmp_path)
    pytest.importorskip("junitparser", reason="JUnit XML needs the extra 'eval'")
    with pytest.raises(UserError, match=r"--junit .*a\.xml can't be written: (File exists|Not a directory)"):
        judge_run(run, path, path / "a.xml")


def test_strict_fails_what_is_undecided(run: Path, tmp_path: Path) -> None:
    path = gates(tmp_path, QUALITY % ("student-keras", 0.02))
    assert judge_run(run, path)["passed"]
    with pytest.raises(GateError, match="undecided"):
        judge_run(run, path, strict=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("qualitydrop: []\n", r"qualitydrop: unknown key .*gates\.yaml:1.*did you mean 'quality_drop'"),
        (
            "size:\n  - artifact: base\n    max_bm: 3\n",
            r"size\.0\.max_bm: unknown key .*gates\.yaml:3.*did you mean 'max_mb'",
        ),
        ("size:\n  - artifact: base\n", r"size\.0: give max_mb"),
        ("size:\n  - max_mb: 3\n", r"size\.0\.artifact: missing \(.*gates\.yaml:2\)"),
        (
            "floor:\n  - artifact: base\n    at_least: 5\n",
            r"floor\.0\.at_least: 5 .*gates\.yaml:3.*less than or equal",
        ),
        ("size:\n  - {artifact: bas, max_mb: 3}\n", "gates.yaml has the unknown engine 'bas'. Did you mean 'base'"),
        ("size: []\n", "holds no gate"),
        ("size: [\n", "is not valid YAML"),
    ],
)
def test_wrong_files_are_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_gates(gates(tmp_path, text))
    assert re.search(message, str(caught.value)), str(caught.value)


def test_the_gates_of_the_project_are_valid() -> None:
    assert len(read_gates(ROOT / "configs" / "gates.yaml").all()) == 7


def test_alert_that_cannot_be_written_leaves_the_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    write_golden(folder)
    (folder / "metrics.jsonl").unlink()
    (folder / "metrics.jsonl").mkdir()  # can't be written by root either, as a read-only folder can
    path = gates(tmp_path, "size:\n  - {artifact: student-tflite-int8, max_mb: 1}\n")
    assert guarded(lambda: judge_run(folder, path)) == 3
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1])["passed"] is False
    assert re.search(rf"alert .* could not be written to {re.escape(str(folder))} \(.*Is a directory", said.err)
    assert "error: 1 of 1 gates of" in said.err


def test_failed_gate_raises_an_alert(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_golden(folder)
    before = len((folder / "metrics.jsonl").read_text().splitlines())
    [(found, _)] = outcomes(folder, gates(tmp_path, "size:\n  - {artifact: student-tflite-int8, max_mb: 1}\n"))
    assert found == "failed"
    [line] = [json.loads(text) for text in (folder / "metrics.jsonl").read_text().splitlines()[before:]]
    assert line["stage"] == "gate"
    assert line["alert"]["title"] == "1 of 1 gates did not pass"
    assert "student-tflite-int8" in line["alert"]["text"]
    assert judge_run(folder, gates(tmp_path, "size:\n  - {artifact: student-tflite-int8, max_mb: 99}\n"))["passed"]
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == before + 1, "a gate that passes says nothing"
