"""`tandem compare A B`: two runs on the same rows. Which is better, by how much, how sure, and what was set otherwise.

Engines are paired by id, rows by id and wording. Times of two runs are not compared: another day, another load; each
run's ratio to its own baseline is in its report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from eval.figures import megabytes, p_value
from eval.paired import WORTH_SEEING, Paired, pair
from eval.results import Result, read_results
from eval.samples import read_samples
from eval.table import terminal
from train.config.load import parse_yaml, plain
from train.errors import UserError
from train.runs import RunFolder, find_run

NOT_COMPARED = ("name", "runs_dir", "track")  # say where a run lies, not what it is


@dataclass(frozen=True)
class Line:
    """One engine in both runs; `found` is B against A."""

    engine: str
    set: str
    found: Paired
    verdict: str
    bytes_a: int | None
    bytes_b: int | None


def compare_runs(first: Path, second: Path, test_set: str | None = None) -> dict[str, Any]:
    """Compares run B (`second`) with run A (`first`); prints tables, returns the figures.

    Raises UserError where a run has no results, or the two have no engine or no row in common.
    """
    run_a, run_b = find_run(first), find_run(second)
    a, b = ({result.engine: result for result in read_results(run.eval)} for run in (run_a, run_b))
    name = test_set or str(next(iter(a.values())).settings["headline"])
    lines = compare_results(run_a, run_b, a, b, name)
    changes = config_differences(run_a, run_b)
    names = _names(run_a, run_b)
    screen = terminal()
    screen.print(_engine_table(lines, names))
    for line in lines:
        screen.print(Text(f"{line.engine}: {line.verdict}"))
    screen.print(_config_table(changes, names))
    alone = {names[0]: sorted(a.keys() - b.keys()), names[1]: sorted(b.keys() - a.keys())}
    for run, engines in alone.items():
        if engines:
            screen.print(Text(f"Only in {run}: {', '.join(engines)}"))
    return {
        "a": str(run_a.path),
        "b": str(run_b.path),
        "set": name,
        "engines": {line.engine: _as_json(line) for line in lines},
        "config": {key: list(values) for key, values in changes.items()},
    }


def compare_results(
    run_a: RunFolder, run_b: RunFolder, a: Mapping[str, Result], b: Mapping[str, Result], name: str
) -> list[Line]:
    """A line for each engine of both runs with common rows of the set `name`. Raises UserError where none has any."""
    common = [engine for engine in a if engine in b]
    lines = []
    for engine in common:
        samples_a, samples_b = (read_samples(run.eval / "samples", engine) for run in (run_a, run_b))
        found = pair(samples_b, samples_a, name)
        if found is not None:
            sizes = (_bytes(a[engine]), _bytes(b[engine]))
            lines.append(Line(engine, name, found, verdict(found), *sizes))
    if not lines:
        names = [{row["set"] for e in common for row in read_samples(r.eval / "samples", e)} for r in (run_a, run_b)]
        engines, sets = ", ".join(common) or "none", ", ".join(sorted(names[0] & names[1])) or "none"
        raise UserError(
            f"{run_a.path} and {run_b.path} have no common rows of the set {name!r} (common engines: {engines}; sets "
            f"of both: {sets}; another is chosen by --set). "
            "Runs can be compared where the same engines answered the same rows: the same data section and seed."
        )
    return lines


def verdict(found: Paired) -> str:
    """In words: which is better, by how much, how sure; or how many rows would tell."""
    points, low, high = (end * 100 for end in (found.difference.value, found.difference.low, found.difference.high))
    sure = f"95 % interval {low:+.1f} to {high:+.1f} on {found.n} rows, {p_value(found.p)}"
    if found.better is not None:
        side = "B" if found.better == "first" else "A"
        return f"{side} is better by {abs(points):.1f} points ({sure})."
    same = found.only_first + found.only_second == 0
    needed = found.rows_needed()
    worth = f"{WORTH_SEEING * 100:g} points"
    tail = (
        f"a difference of {worth} would have shown, so any there is is likely smaller."
        if needed <= found.n
        else f"about {needed:,} rows would show a difference of {worth}."
    )
    head = "the same rows are right in both" if same else f"can't tell: B is {points:+.1f} points"
    return f"{head} ({sure}); {tail}"


def config_differences(run_a: RunFolder, run_b: RunFolder) -> dict[str, tuple[Any, Any]]:
    """Dotted key → values in A and B, of the resolved configs."""
    a, b = config_values(run_a), config_values(run_b)
    return {key: (a.get(key), b.get(key)) for key in a | b if a.get(key) != b.get(key)}


def config_values(run: RunFolder) -> dict[str, Any]:
    """Dotted key → value of config.yaml as written, not validated: runs of an older version have other keys."""
    path = run.path / "config.yaml"
    values = plain(parse_yaml(path)) if path.exists() else {}
    if not isinstance(values, dict):
        raise UserError(f"{path} is damaged: it holds no sections. Delete it: tandem data CONFIG writes it again.")
    return _flat({key: value for key, value in values.items() if key not in NOT_COMPARED})


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _names(run_a: RunFolder, run_b: RunFolder) -> tuple[str, str]:
    return f"A = {run_a.path.resolve().name}", f"B = {run_b.path.resolve().name}"


def _engine_table(lines: list[Line], names: tuple[str, str]) -> Table:
    table = Table(title=f"Exact match on {lines[0].set}: {names[0]}, {names[1]}")
    for title in ("Artifact", "Rows", "A", "B", "B - A", "95 % interval", "Only A", "Only B", "p", "MB A", "MB B"):
        table.add_column(title, justify="left" if title == "Artifact" else "right")
    for line in lines:
        found = line.found
        interval = f"[{found.difference.low * 100:+.1f}; {found.difference.high * 100:+.1f}]"
        cells = [line.engine, str(found.n)]
        cells += [f"{right / found.n * 100:.1f} %" for right in (found.second_right, found.first_right)]
        cells += [f"{found.difference.value * 100:+.1f}", interval, str(found.only_second), str(found.only_first)]
        cells += [
            f"{found.p:.3g}",
            *("–" if size is None else megabytes(size) for size in (line.bytes_a, line.bytes_b)),
        ]
        table.add_row(*map(Text, cells), style=None if found.better is None else "bold")
    return table


def _config_table(changes: Mapping[str, tuple[Any, Any]], names: tuple[str, str]) -> Table | Text:
    if not changes:
        return Text("The two configs say the same.")
    table = Table(title="Set otherwise")
    for title in ("Key", *names):
        table.add_column(title, overflow="fold")
    for key, values in changes.items():
        table.add_row(Text(key), *(Text(str(value)) for value in values))
    return table


def _bytes(result: Result) -> int | None:
    return None if result.artifact is None else result.artifact.bytes


def _as_json(line: Line) -> dict[str, Any]:
    found = line.found
    return {
        **asdict(found),
        "difference": found.difference.value,
        "low": found.difference.low,
        "high": found.difference.high,
        "better": {"first": "B", "second": "A", None: None}[found.better],
        "rows_for_2_points": found.rows_needed(),
        "verdict": line.verdict,
    }
