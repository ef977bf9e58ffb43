"""The report from golden result files: right figures, the same bytes, no address, nothing unescaped."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from eval.figures import pareto_front, subject
from eval.report import comparison_table, write_report, write_reports
from eval.report_data import gather, training_curves
from eval.results import SCHEMA, percentile, read_result, read_results, schema
from tests.eval.golden import NASTY, write_golden
from train.errors import UserError
from train.runs import RunFolder

RESULTS = Path(__file__).parents[2] / "eval" / "results"
COMMITTED = [path for path in sorted(RESULTS.rglob("*.json")) if json.loads(path.read_text()).get("kind") == "artifact"]


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "golden"
    write_golden(run)
    write_report(run)
    return run


def test_figures(golden: Path) -> None:
    data = gather(golden)
    assert [result.engine for result in data.results] == [
        "teacher-eager",
        "student-keras",
        "student-tflite-int8",
        "base",
    ]
    # 18, 16 and 15 of 20 are right; only row 1 is won, rows 2 to 5 are lost: two-sided sign test 2 (1 + 5) / 32.
    assert data.verdict == (
        "student-tflite-int8: 75.0 % exact match on t3 (95 % interval 53.1 to 88.8 %), 10.0 MB, 500 tokens/s on "
        "1 CPU thread. 15.0 points below the teacher (p = 0.375), 50.0 times smaller, 10.0 times as fast. Failed: base."
    )
    assert (data.subject, data.rival, data.win_counts) == ("student-tflite-int8", "teacher-eager", (1, 4))
    assert [example.utterance[:6] for example in data.wins] == ["row 1:"]
    # One of each category first: rows 2, 3, 4 are of c2, c0, c1; row 5 is the second of c2.
    assert [example.utterance[:6] for example in data.regressions] == ["row 2:", "row 3:", "row 4:", "row 5:"]
    assert [curve.x for curve in data.curves] == [[0, 10, 20], [0, 10, 20]], (
        "a resumed training replaces what it repeats"
    )
    assert [stage.share for stage in data.stages] == [0.25, 0.75]
    markdown = (golden / "report.md").read_text()
    assert r"| student-keras | teacher-eager | 84.0 % \[65.3; 93.6\], 21 of 25 |" in markdown
    assert "| student-tflite-int8 | 5 |" in markdown, "bad JSON is the only kind of error here"


def test_curves_of_a_log_with_line_separators_and_bytes_that_are_no_text(golden: Path, tmp_path: Path) -> None:
    run = tmp_path / "golden"
    shutil.copytree(golden, run)
    line = {"time": 1.0, "stage": "finetune", "train/step": 5, "train/loss": 1.5, "note": "a\u2028b\u2029c\u0085d"}
    half = b'{"stage": "finetune", "note": "caf\xc3'
    (run / "metrics.jsonl").write_bytes(json.dumps(line, ensure_ascii=False).encode() + b"\n" + half)
    assert [(curve.x, curve.loss) for curve in gather(run).curves] == [([5.0], [1.5])]


def test_pareto_front_and_subject(golden: Path) -> None:
    results = read_results(golden / "eval")
    assert pareto_front(results) == {"teacher-eager", "student-keras", "student-tflite-int8"}
    worse = [result for result in results if result.engine != "student-tflite-int8"]
    heavy = worse[1].model_copy(update={"artifact": worse[0].artifact})
    assert pareto_front([worse[0], heavy]) == {"teacher-eager"}
    found = subject(worse)
    assert found is not None
    assert found.engine == "student-keras"


def test_same_files_same_bytes_wherever_they_lie(golden: Path, tmp_path: Path) -> None:
    other = tmp_path / "golden"
    shutil.copytree(golden, other)
    for name in ("report.md", "report.html"):
        (other / name).unlink()
    write_report(other)
    for name in ("report.md", "report.html"):
        assert (other / name).read_bytes() == (golden / name).read_bytes()
        assert str(tmp_path) not in (other / name).read_text()


class Page(HTMLParser):
    """Tags and addresses of a page; unbalanced tags are an error."""

    VOID = frozenset({"meta", "br", "path", "use", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_self_contained_and_escaped(golden: Path) -> None:
    text = (golden / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert not page.open
    assert page.tags.count("script") == 1, "the one that sorts tables"
    assert page.tags.count("svg") == 4
    assert all(address.startswith("#") for address in page.addresses)
    assert not re.search(r"https?:|//\w|@import|url\((?!#)", text)
    assert NASTY not in text
    assert "&lt;script&gt;" in text
    for identifier in re.findall(r"url\(#([^)]+)\)", text):
        assert text.count(f'id="{identifier}"') == 1, "two plots must not share a clip path"
    assert text.count("<script>") == 1
    assert "<script>" not in (golden / "report.md").read_text()


def test_terminal_table_shows_intervals_and_failures(golden: Path) -> None:
    console = Console(width=150, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(comparison_table(read_results(golden / "eval")))
    text = console.export_text()
    assert "75.0 % [53.1; 88.8]" in text
    assert "base failed: died of <script>" in text


def test_schema_is_current() -> None:
    assert json.loads(SCHEMA.read_text()) == schema(), "run: python -m eval.results"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a result file"),
        ("[]", "is not a result file"),
        ('{"engine": "base", "status": "fine", "environment": {}, "settings": {}}', "status"),
        ('{"engine": "base", "status": "ok", "environment": {}, "settings": {}, "extra": 1}', "extra"),
    ],
)
def test_broken_result_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "eval" / "base.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        write_report(tmp_path)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "report.md").exists()


@pytest.fixture
def copy(golden: Path, tmp_path: Path) -> Path:
    """The finished run, to be edited."""
    return Path(shutil.copytree(golden, tmp_path / "run"))


def _with(path: Path, *keys: str, value: object) -> None:
    document = json.loads(path.read_text())
    inner = document
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("settings",), {}, "settings lacks the test sets"),
        (("settings", "headline"), None, "settings lacks the test sets"),
        (("speed", "ttft_s"), [], "speed.ttft_s: List should have at least 1"),
        (("speed", "per_token_s"), [], "rounds, per_token_s 0"),
        (("engine",), "teacher-eager", "engine is 'teacher-eager'"),
    ],
)
def test_an_edited_result_file_is_named(copy: Path, keys: tuple[str, ...], value: object, message: str) -> None:
    _with(copy / "eval" / "student-keras.json", *keys, value=value)
    with pytest.raises(UserError, match=f"student-keras.json is not a result file of this version: .*{message}"):
        write_report(copy)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("score",), {}, "score.exact: Field required"),
        (("score", "exact"), "yes", "score.exact: Input should be a valid boolean"),
        (("id",), ["x"], "id: Input should be a valid string"),
        (("answer",), None, "answer: "),
    ],
)
def test_an_edited_answer_is_named(copy: Path, keys: tuple[str, ...], value: object, message: str) -> None:
    path = copy / "eval" / "samples" / "student-keras.jsonl"
    first, *rest = path.read_text().splitlines(keepends=True)
    path.write_text(first)
    _with(path, *keys, value=value)
    path.write_text(first + path.read_text() + "\n" + "".join(rest))
    with pytest.raises(UserError, match=f"student-keras.jsonl:2 is damaged: {message}.*Delete student-keras.jsonl and"):
        write_report(copy)


def test_lines_of_a_log_that_are_none_of_ours_are_left_out(copy: Path) -> None:
    log = copy / "metrics.jsonl"
    expected = training_curves(copy)
    strange: list[dict[str, object]] = [
        {"train/step": "5"}, {"train/loss": None}, {"time": "now"}, {"sample": {"step": 1}}, {"alert": "!"},
        {"train/step": True},
    ]  # fmt: skip
    whole = {"time": 1.0, "stage": "finetune", "train/step": 1, "train/loss": 9.0}
    log.write_text("".join(json.dumps(whole | change) + "\n" for change in strange) + log.read_text())
    assert training_curves(copy) == expected


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: str(path.relative_to(RESULTS)))
def test_the_projects_own_results_are_of_this_version(path: Path) -> None:
    assert read_result(path).engine == path.stem


def test_words_follow_the_scorer(copy: Path) -> None:
    for path in (copy / "eval").glob("*.json"):
        _with(path, "settings", "scorer", value="contains")
    assert "% contains the answer on t3 (95" in write_report(copy)["verdict"]
    for name in ("report.md", "report.html"):
        text = (copy / name).read_text()
        assert "Contains the answer" in text
        assert "Exact match" not in text


def test_runs_with_other_headline_sets_have_no_best(golden: Path, copy: Path) -> None:
    assert write_reports([RunFolder(golden), RunFolder(copy)])["verdict"].startswith("Best: ")
    for path in (copy / "eval").glob("*.json"):
        _with(path, "settings", "headline", value="none")
    found = write_reports([RunFolder(golden), RunFolder(copy)])
    assert found["verdict"] == "No best is named: the runs' headline sets differ (none, t3)."


def test_run_without_results_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run the evaluation first"):
        write_report(tmp_path)


def test_percentile_is_a_measured_value() -> None:
    assert percentile([3.0, 1.0, 2.0, 4.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0, 4.0], 0.95) == 4.0
    assert percentile([7.0], 0.05) == 7.0
