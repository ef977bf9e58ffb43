"""The measurement: files first, then all contestants in turns (rounds.py), for each number of threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from eval.bench.contestants import Contestant
from eval.bench.ondevice.amx import amx_is_granted
from eval.bench.ondevice.app_process import measure_app
from eval.bench.ondevice.bandwidth import last_cache_bytes
from eval.bench.ondevice.contestants import Entry, choose, without_file, without_library
from eval.bench.ondevice.figures import runner_results
from eval.bench.ondevice.files import Made, files_of
from eval.bench.ondevice.result import OndeviceResult, Run
from eval.bench.ondevice.targets import app_targets, speed_targets
from eval.bench.ondevice.workload import OndeviceWorkload, model_config
from eval.bench.rounds import Rounds, Running
from train.hardware import environment
from train.progress import say

BANDWIDTH = "memory bandwidth"
MEMORY = Contestant(BANDWIDTH, "ondevice.bandwidth:Bandwidth", "")


@dataclass(frozen=True)
class Bench:
    """One run of scripts/bench_ondevice.

    Args:
        folder: for the files; those of the same workload are taken as they are.
        threads: numbers of threads, one after the other.
        only: names of contestants; empty for all.
        app: exported folder of a run, for the process of an app.
    """

    folder: Path
    workload: OndeviceWorkload
    rounds: int
    threads: Sequence[int]
    only: Sequence[str]
    app: Path | None
    command: str

    def measure(self) -> OndeviceResult:
        """Everything, as a result file has it."""
        entries = choose(self.only)
        missing = without_library(entries)
        made = self._files([name for name in entries if name not in missing], entries)
        absent = {name: ("failed", reason) for name, reason in without_file(entries, made).items()}
        absent |= {name: ("skipped", reason) for name, reason in missing.items()}
        for name, (status, reason) in absent.items():
            say(f"bench: {name} {status}: {reason}")
        config = model_config(self.workload)
        app = [] if self.app is None else measure_app(self.app, self.rounds)
        return OndeviceResult(
            command=self.command,
            environment=environment(),
            workload={**asdict(self.workload), "model": config, "amx": amx_is_granted()},
            rounds=self.rounds,
            last_cache_bytes=last_cache_bytes(),
            runs=[self._run(entries, absent, made, threads) for threads in self.threads],
            app=app,
            app_targets=[line for result in app for line in app_targets(result)],
        )

    def _files(self, names: Sequence[str], entries: dict[str, Entry]) -> Made:
        return files_of(self.folder, self.workload, list(dict.fromkeys(entries[name].kind for name in names)))

    def _run(self, entries: dict[str, Entry], absent: dict[str, tuple[str, str]], made: Made, threads: int) -> Run:
        loads: list[float] = []
        taking_part = {name: entry.contestant for name, entry in entries.items() if name not in absent}
        turns = Rounds(self.folder, self.rounds, threads)
        running = turns.together({BANDWIDTH: MEMORY, **taking_part}, _first, _round, loads)
        memory = running.pop(BANDWIDTH)
        speeds = [] if memory.error else memory.rounds["bytes_per_s"]
        runners = runner_results(entries, absent, running, made, speeds, last_cache_bytes())
        return Run(
            threads=threads, load_average=loads, bandwidth=speeds, runners=runners, targets=speed_targets(runners)
        )


def _first(entry: Running) -> None:
    """Loads, and warms up by one request, whose ids are looked at."""
    entry.first["base_memory_bytes"] = entry.process.ask("memory")["peak_memory_bytes"]
    entry.load_s = entry.process.load()
    entry.first |= entry.process.ask("request") | entry.process.ask("facts")


def _round(entry: Running) -> None:
    for name, value in entry.process.ask("request").items():
        if name.endswith("_s"):
            entry.rounds.setdefault(name, []).append(median(value) if isinstance(value, list) else value)
