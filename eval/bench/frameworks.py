"""The measurement of the frameworks: all contestants of a kind take turns (rounds.py)."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from eval.bench.contestants import MISTAKES, PIPELINE_BASELINE, PIPELINES, STUDENT_BASELINE, STUDENTS, Contestant
from eval.bench.process import ContestantError, ContestantProcess, environment
from eval.bench.result import FrameworksResult, MistakeResult, PipelineResult, Ratio, StudentResult
from eval.bench.result import Timed as TimedResult
from eval.bench.rounds import LIMIT_S, Rounds, Running
from eval.bench.workload import Workload, write_workload
from train.errors import TandemError
from train.hardware import cpu_has_bf16
from train.hardware import environment as machine
from train.intervals import median_ratio
from train.runs import REPOSITORY

CALLS = 5  # of each kind of work in a round; the round's value is their median
SAME_LOSS, SAME_LOSS_BF16 = 1e-3, 3e-2
WORK = ("train", "forward")


@dataclass(frozen=True)
class Bench:
    """One run: sizes, rounds and what is left of the machine."""

    folder: Path
    workload: Workload
    rounds: int
    threads: int
    command: str

    def measure(self) -> FrameworksResult:
        """Everything, as a result file has it."""
        write_workload(self.folder, self.workload)
        self._write_student()
        loads: list[float] = []
        turns = Rounds(self.folder, self.rounds, self.threads)
        able = {name: who for name, who in STUDENTS.items() if cpu_has_bf16() or not who.bf16}
        students = turns.together(able, _first_calls, _round_of_calls, loads)
        pipelines = turns.together(PIPELINES, _first_epoch, _round_of_reading, loads)
        return FrameworksResult(
            command=self.command,
            environment=_machine(),
            workload=asdict(self.workload),
            rounds=self.rounds,
            threads=self.threads,
            load_average=loads,
            students=student_results(students),
            pipelines=pipeline_results(pipelines),
            mistakes=[self._mistake(name, contestant) for name, contestant in MISTAKES.items()],
        )

    def _write_student(self) -> None:
        command = [sys.executable, "-m", "eval.bench.keras_student", str(self.folder)]
        env = environment(STUDENTS["keras-tf-xla"], self.threads)
        made = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
        if made.returncode:
            raise TandemError(f"The student could not be made: {(made.stderr.splitlines() or ['?'])[-1]}")

    def _mistake(self, name: str, contestant: Contestant) -> MistakeResult:
        with ContestantProcess(contestant, self.folder, self.threads, LIMIT_S) as process:
            try:
                process.load()
                said = process.ask("said")
            except ContestantError as error:
                return MistakeResult(name=name, label=contestant.label, first_line=str(error))
        return MistakeResult(name=name, label=contestant.label, **said)


def _machine() -> dict[str, object]:
    """The machine, with the version of JAX, which only this benchmark and one Keras back end use."""
    found: dict[str, Any] = machine()
    jax = importlib.metadata.version("jax") if importlib.util.find_spec("jax") else None
    return found | {"versions": found["versions"] | ({"jax": jax} if jax else {})}


def _first_calls(entry: Running) -> None:
    entry.load_s = entry.process.load()
    for work in WORK:
        reply = entry.process.ask(work, times=1)
        entry.first[work] = reply["seconds"][0]
        entry.first[f"{work} value"] = reply["values"][0]
        entry.process.ask(work, times=1)  # the second call is not steady yet: allocators and caches fill


def _round_of_calls(entry: Running) -> None:
    for work in WORK:
        seconds = entry.process.ask(work, times=CALLS)["seconds"]
        entry.rounds.setdefault(work, []).append(median(seconds))


def _first_epoch(entry: Running) -> None:
    entry.load_s = entry.process.load()
    entry.first["tokens"] = entry.process.ask("read")["tokens"]


def _round_of_reading(entry: Running) -> None:
    entry.rounds.setdefault("read", []).append(entry.process.ask("read")["seconds"])


def student_results(running: Mapping[str, Running]) -> list[StudentResult]:
    """Figures of all students. One that computes another loss than the baseline has failed: it did other work."""
    baseline = _baseline(running, STUDENT_BASELINE)
    results = []
    for name, entry in running.items():
        common = {"name": name, "label": STUDENTS[name].label}
        if entry.error is None and baseline is not None:
            loss, reference = entry.first["train value"], running[baseline].first["train value"]
            if abs(loss - reference) > (SAME_LOSS_BF16 if STUDENTS[name].bf16 else SAME_LOSS):
                entry.error = f"its first loss is {loss:.6f}, that of {baseline} {reference:.6f}: not the same work"
        if entry.error is not None or baseline is None:
            results.append(StudentResult(**common, status="failed", error=entry.error or "no baseline"))
            continue
        timed = {
            work: TimedResult(
                first_s=entry.first[work],
                rounds_s=entry.rounds[work],
                median_s=median(entry.rounds[work]),
                ratio=_ratio(entry.rounds[work], running[baseline].rounds[work], baseline),
            )
            for work in WORK
        }
        figures = {"load_s": entry.load_s, "first_loss": entry.first["train value"], "peak_memory_bytes": entry.peak}
        results.append(StudentResult(**common, status="ok", **figures, **timed))
    return results


def pipeline_results(running: Mapping[str, Running]) -> list[PipelineResult]:
    """Figures of all input pipelines."""
    baseline = _baseline(running, PIPELINE_BASELINE)
    results = []
    for name, entry in running.items():
        common = {"name": name, "label": PIPELINES[name].label}
        if entry.error is not None or baseline is None:
            results.append(PipelineResult(**common, status="failed", error=entry.error or "no baseline"))
            continue
        seconds, tokens = entry.rounds["read"], int(entry.first["tokens"])
        ratio = _ratio(seconds, running[baseline].rounds["read"], baseline)
        figures = {"tokens": tokens, "rounds_s": seconds, "tokens_per_s": tokens / median(seconds), "ratio": ratio}
        results.append(PipelineResult(**common, status="ok", peak_memory_bytes=entry.peak, **figures))
    return results


def _baseline(running: Mapping[str, Running], wanted: str) -> str | None:
    """The wanted one, or the first that works."""
    return next((name for name in (wanted, *running) if running[name].error is None), None)


def _ratio(seconds: list[float], baseline_s: list[float], baseline: str) -> Ratio:
    interval = median_ratio(seconds, baseline_s)
    return Ratio(baseline=baseline, value=interval.value, low=interval.low, high=interval.high)
