"""The resolved config with the origin of each value, which stages are done, what the rows are like, and what the
fine-tuning will cost: memory, time, and whether torch.compile pays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from train.config import LoadedConfig
from train.config.schema import Config
from train.data_statistics import print_statistics
from train.errors import TandemError
from train.pipeline import to_do
from train.runs import RunFolder, Stage

SEVERAL = (2, 8)  # numbers of processes that the memory is shown for
NOT_YET = "Statistics of the rows, steps and time: unknown before the data stage (tandem data CONFIG)."


def print_plan(loaded: LoadedConfig, stages: Sequence[Stage], probing: bool = False) -> dict[str, Any]:
    """Prints the plan on stdout; returns run folder, stages to do and estimates. Nothing is written or trained.

    Args:
        probing: time a few real steps in a process of their own; their weights are thrown away.
    """
    run = RunFolder(loaded.config.runs_dir / loaded.config.name)
    console = Console()
    table = Table("key", "value", "from", title=f"Config {loaded.path}", title_justify="left")
    for key, value in _flat(loaded.config.model_dump(mode="json")):
        table.add_row(key, str(value), loaded.origin(key))
    console.print(table)
    names = [stage.name for stage in to_do(stages, loaded.config, run)]
    for stage in stages:
        console.print(f"{stage.name:10s} {'to do' if stage.name in names else 'done'}", highlight=False)
    result: dict[str, Any] = {"run": str(run.path), "to_do": names}
    data_done = "data" not in names
    if loaded.config.finetune.teacher is not None:
        console.print(f"The teacher is that of {loaded.config.finetune.teacher}: none is trained.", highlight=False)
        return result
    if data_done:
        result["data"] = print_statistics(loaded.config, run, console)
    else:
        console.print(NOT_YET, highlight=False)
    return result | _costs(loaded.config, run if data_done else None, result.get("data"), probing, console)


def _costs(
    config: Config, run: RunFolder | None, data: dict[str, Any] | None, probing: bool, console: Console
) -> dict[str, Any]:
    """Memory always; time where the data is there and a probe is wanted."""
    found: dict[str, Any] = {"memory": _memory(config, run, console)}
    if data is None:
        return found
    if not probing:
        console.print("Time: not probed (--no-probe).", highlight=False)
        return found
    from train.probe import probe
    from train.time_estimate import estimate_time

    try:
        measured = probe(config)
    except TandemError as error:
        console.print(str(error), highlight=False, markup=False)
        return found
    time = estimate_time(config.finetune, data["steps"], data["rows"] / data["packs"], measured["step_s"])
    used = measured["peak_mb"] - measured["base_mb"]
    console.print(
        f"Probe ({measured['device']}, {measured['precision']}): {measured['step_s']:.2f} s a step, "
        f"{used:,.0f} MB above the process's own {measured['base_mb']:,.0f} MB. One process.",
        highlight=False,
    )
    console.print(f"Time: {time.sentence()}", highlight=False)
    return found | {"probe": measured, "time": asdict(time)}


def _memory(config: Config, run: RunFolder | None, console: Console) -> dict[str, Any] | None:
    from train.hardware import cpu_has_bf16, gpu_has_bf16
    from train.memory_estimate import estimate_memory
    from train.torch_track.model import planned_shape

    shape = planned_shape(config.model, None if run is None else run.data / "tokenizer")
    if shape is None:
        console.print("Memory: unknown, the base model is not on this machine yet (the data stage fetches it).")
        return None
    settings = config.finetune
    on_cpu = not _trains_on_gpu(settings.device)
    native = cpu_has_bf16() if on_cpu else gpu_has_bf16()
    bf16 = settings.precision == "bf16" or (settings.precision == "auto" and native)
    found = estimate_memory(shape, settings, bf16, on_cpu)
    table = Table("MB of one process", "", title="Memory of the fine-tuning (estimate)", title_justify="left")
    for name, value in (
        ("weights, fp32", found.weights_mb),
        ("gradients", found.gradients_mb),
        ("AdamW's moments", found.optimizer_mb),
        (f"micro-batch of {settings.micro_batch_size} × {settings.sequence_length}", found.micro_batch_mb),
        ("heap of a CPU process, on top of its tensors", found.heap_mb),
        ("peak above the process itself", found.peak_mb),
    ):
        table.add_row(name, f"{value:,.0f}")
    console.print(table)
    known = "the run's" if run is not None else "the base's; less where data.trim_vocabulary cuts it"
    console.print(f"{'bf16' if bf16 else 'fp32'}, vocabulary {shape.vocab_size:,} ({known}).", highlight=False)
    if settings.adapter is not None and on_cpu:
        console.print(
            "With an adapter the heap's share is a guess (the probe measures it). With MALLOC_MMAP_THRESHOLD_=65536 in "
            f"the environment there is none: {found.tensors_mb:,.0f} MB in all, and slower steps.",
            highlight=False,
        )
    kept = {count: round(found.kept_mb(settings.parallel, count), 1) for count in SEVERAL}
    console.print(
        f"Several processes ({settings.parallel}) keep in weights, gradients and moments "
        + ", ".join(f"{mb:,.0f} MB each of {count}" for count, mb in kept.items())
        + "; what a micro-batch adds comes on top.",
        highlight=False,
    )
    several = {"parallel": settings.parallel, "kept_mb_by_processes": kept}
    peaks = {"peak_mb": found.peak_mb, "tensors_mb": found.tensors_mb}
    return asdict(found) | peaks | {"vocabulary": shape.vocab_size, "bf16": bf16} | several


def _trains_on_gpu(device: str) -> bool:
    import torch

    return device != "cpu" and torch.cuda.is_available()


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
