"""Supervised tokens a second of Tandem's fine-tuning, transformers' Trainer and TRL, slice by slice in turns.

    scripts/bench_train configs/smollm2-135m.yaml finetune.rows=2000 --rounds 10 --steps 5

The same rows, model, precision and rows a step for all; that all train on the same token ids is checked on what each
one's own loader gives. Writes eval/results/train-DATE.json (kind `train`).
"""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

import typer
from pydantic import Field

from eval.bench.contestants import Contestant
from eval.bench.result import Ratio
from eval.bench.rounds import Rounds, Running
from eval.results import Count, Part
from eval.table import terminal
from train.atomic import write_json
from train.command import guarded
from train.config import Config, load_config
from train.config.load import dump_config
from train.errors import TandemError
from train.hardware import cores, cpu_has_bf16, environment
from train.intervals import median_ratio
from train.runs import REPOSITORY, RunFolder

LIBRARY = "trainers:LibraryTrainer"
TRAINERS = {
    "tandem": Contestant("Tandem, eager", "trainers:TandemTrainer", "eager", "torch"),
    "tandem-compiled": Contestant("Tandem, compiled", "trainers:TandemTrainer", "compiled", "torch"),
    "hf-trainer": Contestant("HF Trainer, default", LIBRARY, "hf", "torch"),
    "trl-default": Contestant("TRL SFTTrainer, default", LIBRARY, "trl", "torch"),
    "trl-packed": Contestant("TRL SFTTrainer, packing bfd (padding-free with it)", LIBRARY, "trl packed", "torch"),
    "trl-best": Contestant("TRL SFTTrainer, packing bfd, no gradient checkpointing", LIBRARY, "trl best", "torch"),
    "trl-padding-free": Contestant("TRL SFTTrainer, padding-free alone", LIBRARY, "trl padding-free", "torch"),
}
BASELINE = "trl-default"


class TrainerResult(Part):
    """One trainer."""

    name: str
    label: str
    status: Literal["ok", "failed"]
    error: str | None = None
    rounds_s: list[float] = Field([], description="seconds of each slice")
    supervised: list[Count] = Field([], description="supervised tokens of each slice")
    tokens_per_s: float | None = Field(None, description="supervised tokens a second, median of the slices")
    ratio: Ratio | None = Field(None, description="of these to the baseline's, paired by round")
    peak_memory_bytes: Count | None = None


class TrainResult(Part):
    """One run of scripts/bench_train."""

    kind: Literal["train"] = "train"
    command: str
    environment: dict[str, Any]
    workload: dict[str, Any] = Field(description="model, rows, tokens, rows a step, precision, token digest")
    rounds: Count
    threads: Count
    load_average: list[float]
    trainers: list[TrainerResult]


def main(
    config: Annotated[Path, typer.Argument(metavar="CONFIG")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]…")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="slices of each trainer, in turns")] = 10,
    steps: Annotated[int, typer.Option(min=1, help="optimizer steps of a slice")] = 5,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU cores of each; all by default")] = None,
    only: Annotated[list[str] | None, typer.Option(help="names of trainers; left out: all")] = None,
    out: Annotated[Path | None, typer.Option(help="result file")] = None,
) -> None:
    """Fine-tuning speed of Tandem, HF Trainer and TRL on the rows of CONFIG (CPU)."""
    path = out or REPOSITORY / "eval" / "results" / f"train-{time.strftime('%Y-%m-%d')}.json"
    chosen = {name: who for name, who in TRAINERS.items() if not only or name in only}

    def work() -> dict[str, Any]:
        result = measure(load_config(config, overrides or []).config, chosen, rounds, steps, threads or cores())
        write_json(path, result.model_dump(mode="json"))
        _print(result)
        return {"result": str(path), "failed": [t.name for t in result.trainers if t.status == "failed"]}

    raise typer.Exit(guarded(work))


def measure(config: Config, chosen: dict[str, Contestant], rounds: int, steps: int, threads: int) -> TrainResult:
    """All of `chosen` in turns. Builds the run's data first where that is not done."""
    from train.data import STAGE as DATA
    from train.stage import run_stage

    run_stage(DATA, config)
    with tempfile.TemporaryDirectory(prefix="bench-train-") as folder:
        workload = write_folder(Path(folder), config, steps)
        loads: list[float] = []
        running = Rounds(Path(folder), rounds, threads).together(chosen, _first, _round, loads)
    results, digest = results_of(running)
    return TrainResult(
        command=shlex.join(["scripts/bench_train", *sys.argv[1:]]),
        environment=environment(),
        workload=workload | digest,
        rounds=rounds,
        threads=threads,
        load_average=loads,
        trainers=results,
    )


def write_folder(folder: Path, config: Config, steps: int) -> dict[str, Any]:
    """What the children start from; returns the sizes."""
    from train.chat import ChatTokenizer
    from train.data.build import copy_tokenizer
    from train.data.chat_jsonl import read_chat_jsonl
    from train.torch_track.model import load_trainable
    from train.torch_track.packing import IGNORED, pack_rows

    settings, data = config.finetune, RunFolder(config.runs_dir / config.name).data
    tokenizer = ChatTokenizer.load(data / "tokenizer")
    rows = islice(read_chat_jsonl(data / "train.jsonl"), settings.rows)
    encoded = [tokenizer.encode(row["messages"]) for row in rows]
    packs = pack_rows(encoded, settings.sequence_length, tokenizer.pad_id, settings.packing)
    labels = [[i if kept else IGNORED for i, kept in zip(ids, mask, strict=True)] for ids, mask in encoded]
    write_json(folder / "rows.json", {"input_ids": [ids for ids, _ in encoded], "labels": labels})
    model = load_trainable(config.model, data / "tokenizer", config.seed)
    model.save_pretrained(folder / "model")
    (folder / "tokenizer").mkdir()
    copy_tokenizer(data / "tokenizer", folder / "tokenizer")
    (folder / "config.yaml").write_text(dump_config(config.model_copy(update={"runs_dir": config.runs_dir.resolve()})))
    bf16 = settings.precision == "bf16" or (settings.precision == "auto" and cpu_has_bf16())
    # As many rows a step as Tandem's packs hold on average, so that all take equally large steps.
    rows_a_step = max(1, round(settings.batch_size * len(encoded) / len(packs)))
    write_json(folder / "slice.json", {"steps": steps, "rows_a_step": rows_a_step, "bf16": bf16})
    return {
        "model": config.model.source, "parameters": sum(p.numel() for p in model.parameters()), "rows": len(encoded),
        "tokens": sum(len(ids) for ids, _ in encoded), "sequence_length": settings.sequence_length,
        "batch_size": settings.batch_size, "rows_a_step": rows_a_step, "steps_a_slice": steps,
        "precision": "bf16" if bf16 else "fp32", "pack_fill": round(packs.fill, 4),
    }  # fmt: skip


def _first(entry: Running) -> None:
    entry.load_s = entry.process.load()
    entry.first["facts"] = entry.process.ask("facts")
    entry.process.ask("request")  # allocators, caches, first-step work


def _round(entry: Running) -> None:
    reply = entry.process.ask("request")
    entry.rounds.setdefault("seconds", []).append(reply["seconds"])
    entry.rounds.setdefault("supervised", []).append(reply["supervised"])


def results_of(running: dict[str, Running]) -> tuple[list[TrainerResult], dict[str, Any]]:
    """Figures of all, and the digest of the token ids.

    Raises:
        TandemError: two trainers were given other token ids: their speeds can't be compared.
    """
    working = {name: entry for name, entry in running.items() if entry.error is None}
    facts = {json.dumps(entry.first["facts"], sort_keys=True) for entry in working.values()}
    if len(facts) > 1:
        said = {name: entry.first["facts"] for name, entry in working.items()}
        raise TandemError(f"The trainers do not train on the same supervised token ids: {said}")
    baseline = BASELINE if BASELINE in working else next(iter(working), "")
    return [_result(name, entry, working.get(baseline), baseline) for name, entry in running.items()], (
        {"digest": json.loads(facts.pop())} if facts else {}
    )


def _result(name: str, entry: Running, baseline: Running | None, baseline_name: str) -> TrainerResult:
    label = TRAINERS[name].label
    if entry.error is not None or baseline is None:
        return TrainerResult(name=name, label=label, status="failed", error=entry.error or "no baseline")
    ratio = median_ratio(_seconds_a_token(entry), _seconds_a_token(baseline))
    return TrainerResult(
        name=name,
        label=label,
        status="ok",
        rounds_s=entry.rounds["seconds"],
        supervised=[int(n) for n in entry.rounds["supervised"]],
        tokens_per_s=1 / median(_seconds_a_token(entry)),
        ratio=Ratio(baseline=baseline_name, value=ratio.value, low=ratio.low, high=ratio.high),
        peak_memory_bytes=entry.peak,
    )


def _seconds_a_token(entry: Running) -> list[float]:
    return [s / n for s, n in zip(entry.rounds["seconds"], entry.rounds["supervised"], strict=True)]


def _print(result: TrainResult) -> None:
    from rich.table import Table

    table = Table("trainer", "supervised tokens/s", f"× {BASELINE}", "peak MB", title="Fine-tuning, in turns")
    for trainer in result.trainers:
        if trainer.ratio is None or trainer.tokens_per_s is None:
            table.add_row(trainer.label, f"failed: {trainer.error}", "", "")
            continue
        ratio, peak = trainer.ratio, (trainer.peak_memory_bytes or 0) / 1e6
        spread = f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
        table.add_row(trainer.label, f"{trainer.tokens_per_s:,.0f}", spread, f"{peak:,.0f}")
    terminal().print(table)


if __name__ == "__main__":
    typer.run(main)
