"""The tables of a result, on the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from eval.bench.ondevice.result import AppResult, CommandsResult, OndeviceResult, Rate, Run, RunnerResult, Target
from eval.bench.tables import ABSENT, Rows


def runners_table(run: Run) -> Rows:
    """Speed, memory and size; ± is the interquartile range of the rounds. Why one failed stands in the file."""
    columns = (
        "runtime", "MB", "prefill t/s", "decode t/s", "first token ms", "load s", "peak MB", "of roofline", "same ids",
    )  # fmt: skip
    speed = f"{median(run.bandwidth) / 1e9:.1f} GB/s" if run.bandwidth else "unknown"
    bases = [runner.base_memory_bytes for runner in run.runners if runner.base_memory_bytes]
    own = f"; of each peak {median(bases) / 1e6:.0f} MB are the benchmark's own" if bases else ""
    title = f"{run.threads} thread{'s' if run.threads > 1 else ''}, memory read at {speed}{own}"
    return Rows(title, columns, [_runner(runner) for runner in run.runners])


def _runner(runner: RunnerResult) -> tuple[str, ...]:
    size = ABSENT if runner.file_bytes is None else f"{runner.file_bytes / 1e6:.1f}"
    if runner.status != "ok":
        return (runner.label, size, runner.status, *[ABSENT] * 6)
    return (
        runner.label,
        size,
        _rate(runner.prefill),
        _rate(runner.decode),
        f"{median(runner.ttft_s) * 1e3:.1f}",
        f"{(runner.import_s or 0.0) + (runner.open_s or 0.0):.2f}",
        ABSENT if runner.peak_memory_bytes is None else f"{runner.peak_memory_bytes / 1e6:.0f}",
        ABSENT if runner.roofline is None else f"{runner.roofline.value:.0%}",
        ABSENT if runner.same_ids is None else str(runner.same_ids),
    )


def _rate(rate: Rate | None) -> str:
    return ABSENT if rate is None else f"{rate.median:,.0f} ± {rate.spread:.0%}"


def commands_table(result: CommandsResult) -> Rows:
    """Speed on real commands; "as the first": commands answered with the same tokens."""
    columns = ("runtime", "decode t/s", "tokens", "calls", "tokens per call", "as the first")
    asked = result.rounds * result.commands_a_round
    rows = []
    for runner in result.runners:
        if runner.status != "ok" or not runner.tokens or not runner.calls:
            rows.append((runner.label, runner.status, *[ABSENT] * 4))
            continue
        counts = (f"{runner.tokens:,}", f"{runner.calls:,}", f"{runner.tokens / runner.calls:.2f}")
        rows.append((runner.label, _rate(runner.decode), *counts, f"{runner.same_answers} of {asked}"))
    title = f"{asked} commands, {result.threads} thread{'s' if result.threads > 1 else ''}"
    return Rows(title, columns, rows)


def targets_table(title: str, targets: Sequence[Target]) -> Rows:
    """Aims with the measured values and their intervals."""
    return Rows(title, ("aim", "wanted", "measured", "verdict", "how"), [_target(line) for line in targets])


def _target(line: Target) -> tuple[str, ...]:
    unit = line.unit if line.unit in ("x", "%") else f" {line.unit}"
    wanted = f"{'<' if line.at_most else '≥'} {line.wanted:g}{unit}"
    found = ABSENT
    if line.value is not None and line.low is not None and line.high is not None:
        found = f"{line.value:.3g}{unit} [{line.low:.3g}, {line.high:.3g}]"
    return (line.name, wanted, found, line.verdict, line.how)


def app_table(apps: Sequence[AppResult]) -> Rows:
    """The process of an app, with each runner."""
    rows: list[tuple[str, ...]] = [
        (
            app.runner,
            f"{app.file_bytes / 1e6:.1f}",
            f"{median(app.load_s):.2f}",
            f"{median(app.import_s):.2f}",
            f"{median(app.answer_s) * 1e3:.1f}",
            f"{median(app.peak_memory_bytes) / 1e6:.0f}",
            "yes" if app.constrained else "no",
            app.answer,
        )
        for app in apps
    ]
    title = f"The runtime alone, a new process a round: {apps[0].question!r}"
    return Rows(
        title,
        ("runner", "MB", "load s", "of it imports", "answer ms", "peak MB", "always a valid call", "answer"),
        rows,
    )


def all_tables(result: OndeviceResult) -> list[Rows]:
    tables = []
    for run in result.runs:
        note = "aims" if run.threads == 1 else f"aims, for comparison ({run.threads} threads; they are for one)"
        tables += [runners_table(run), targets_table(note, run.targets)]
    if result.app:
        tables += [app_table(result.app), targets_table("aims of the process", result.app_targets)]
    return tables
