"""`tandem gate`: judges a run by a gates file; a table, JUnit XML for CI, and exit status 3 where a gate fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from eval.gates import Judge, Verdict
from eval.gates_config import read_gates
from eval.results import read_results
from eval.samples import read_samples
from eval.table import terminal
from train.atomic import whole_file
from train.config import Config, load_config
from train.errors import GateError, MissingExtraError, UserError
from train.progress import say
from train.runs import RunFolder, find_run
from train.tracking import Tracker

STYLES = {"passed": "green", "failed": "red", "undecided": "yellow", "missing": "red"}


def judge_run(run_path: Path, gates: Path, junit: Path | None = None, strict: bool = False) -> dict[str, Any]:
    """Judges, shows, writes.

    Args:
        run_path: run folder with results.
        gates: YAML file.
        junit: where to write JUnit XML; None: nowhere.
        strict: an undecided gate fails, too.

    Returns:
        The verdicts, for the last line of stdout.

    Raises:
        UserError: a wrong gates file, no results, or a JUnit file that can't be written.
        GateError: a gate failed or its artifact is missing; carries what would have been returned.
    """
    config = read_gates(gates)
    if junit is not None and junit.is_dir():
        raise UserError(f"--junit {junit} is a folder: name the file, e.g. --junit {junit / 'gates.xml'}.")
    run = find_run(run_path)
    results = {result.engine: result for result in read_results(run.eval)}
    verdicts = Judge(results, lambda engine: read_samples(run.eval / "samples", engine)).verdicts(config)
    terminal().print(gate_table(verdicts, run.path.name))
    if junit is not None:
        write_junit(junit, verdicts, run.path.name, strict)
    bad = [verdict for verdict in verdicts if _is_bad(verdict, strict)]
    summary = {
        "run": str(run.path),
        "passed": not bad,
        "counts": dict(Counter(verdict.outcome for verdict in verdicts)),
        "gates": [asdict(verdict) for verdict in verdicts],
        **({"junit": str(junit)} if junit is not None else {}),
    }
    if bad:
        reasons = "\n".join(f"  {verdict.name}: {verdict.outcome}, {verdict.detail}" for verdict in bad)
        _alert(run, f"{len(bad)} of {len(verdicts)} gates did not pass", reasons)
        raise GateError(f"{len(bad)} of {len(verdicts)} gates of {gates} did not pass:\n{reasons}", summary)
    return summary


def _alert(run: RunFolder, title: str, text: str) -> None:
    """In metrics.jsonl and wherever the run is tracked: whoever reviews it there sees that a gate failed.

    Where it can't be written (a read-only run folder) that is said, and the verdict stands.
    """
    try:
        with Tracker(run.path, "gate", _config(run)) as tracker:
            tracker.alert(title, text)
    except Exception as error:  # any: neither the disk nor a tracker may take the place of the verdict
        say(
            f"gate: the alert that gates did not pass could not be written to {run.path} ({error}). The verdict "
            "stands; make the folder writable and judge again where the alert is wanted there."
        )


def _config(run: RunFolder) -> Config | None:
    """None for a run of another version: its metrics.jsonl still takes the alert."""
    try:
        return load_config(run.path / "config.yaml").config
    except UserError:
        return None


def gate_table(verdicts: Sequence[Verdict], run: str) -> Table:
    """The verdicts for a terminal."""
    table = Table(title=f"Gates of {run}")
    table.add_column("")
    table.add_column("Gate", overflow="fold")
    table.add_column("Figures", overflow="fold")
    for verdict in verdicts:
        table.add_row(Text(verdict.outcome, style=STYLES[verdict.outcome]), Text(verdict.name), Text(verdict.detail))
    return table


def write_junit(path: Path, verdicts: Sequence[Verdict], run: str, strict: bool = False) -> None:
    """JUnit XML: failed → failure, missing artifact → error, undecided → skipped with its reason."""
    try:
        from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
    except ImportError:
        raise MissingExtraError("junitparser", "eval", "JUnit XML") from None
    suite = TestSuite(f"tandem gates of {run}")
    for verdict in verdicts:
        case = TestCase(verdict.name, classname=f"{verdict.gate}.{verdict.artifact}", time=0)
        if verdict.outcome == "passed":
            case.system_out = verdict.detail
        elif verdict.outcome == "missing":
            case.result = [Error(verdict.detail)]
        elif _is_bad(verdict, strict):
            case.result = [Failure(verdict.detail)]
        else:
            case.result = [Skipped(verdict.detail)]
        suite.add_testcase(case)
    document = JUnitXml()
    document.add_testsuite(suite)
    document.update_statistics()
    try:
        with whole_file(path) as temporary:
            document.write(str(temporary), pretty=True)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise UserError(f"--junit {path} can't be written: {error.strerror}. Name another file.") from None


def _is_bad(verdict: Verdict, strict: bool) -> bool:
    return verdict.outcome in ("failed", "missing") or (strict and verdict.outcome == "undecided")
