"""What happens to a step whose loss or gradient is not finite: it is never applied; n in a row are skipped
(finetune.skip_nonfinite), the next one ends the run and leaves a crash bundle.

Loss and gradient norm are sums over all processes, so every process takes the same decision without asking the others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from train.atomic import whole_folder, write_json, write_text
from train.config.load import dump_config
from train.errors import TandemError
from train.progress import say
from train.torch_track.job import Job
from train.torch_track.step import StepResult


def after_step(job: Job, result: StepResult, indices: Sequence[int], rate: float) -> None:
    """Counts the step in `job.state`; a bad one counts as a step made, so that the order of the data stays.

    Raises:
        TandemError: more bad steps in a row than finetune.skip_nonfinite allows.
    """
    step = job.state.step + 1
    if result.finite:
        job.state = replace(job.state, step=step, bad_in_a_row=0)
        return
    in_a_row = job.state.bad_in_a_row + 1
    job.context.tracker.log({"train/step": step, "train/skipped": job.state.skipped + 1})
    if in_a_row > job.settings.skip_nonfinite:
        _stop(job, result, indices, rate, in_a_row)
    say(f"finetune: step {step} skipped: loss {result.loss}, gradient norm {result.grad_norm}")
    job.state = replace(job.state, step=step, bad_in_a_row=in_a_row, skipped=job.state.skipped + 1)


def _stop(job: Job, result: StepResult, indices: Sequence[int], rate: float, in_a_row: int) -> None:
    step = job.state.step + 1
    folder = job.context.run.path / "crash" / f"finetune-step-{step:06d}"
    if job.accelerator.is_main_process:
        write_bundle(folder, job, result, indices, rate)
    job.accelerator.wait_for_everyone()  # torchrun ends all processes as soon as one has failed
    raise TandemError(
        f"Step {step}: loss {result.loss}, gradient norm {result.grad_norm}; the weights were not changed "
        f"({in_a_row} such steps in a row, finetune.skip_nonfinite allows {job.settings.skip_nonfinite}). Config, rows "
        f"and figures of the step are in {folder}. Look at those rows, lower finetune.learning_rate, or set "
        "finetune.precision=fp32."
    )


def write_bundle(folder: Path, job: Job, result: StepResult, indices: Sequence[int], rate: float) -> None:
    """Config, figures, row ids and the token ids of the packs: all that the step was made of but the weights."""
    packs = job.packs
    lines = {row for index in indices for row in packs.rows[index]}
    ids = _row_ids(job.context.run.data / "train.jsonl", lines)
    crash: dict[str, Any] = {
        "step": job.state.step + 1,
        "loss": result.loss,
        "grad_norm": result.grad_norm,
        "learning_rate": rate,
        "processes": job.accelerator.num_processes,
        "skipped_before": job.state.skipped,
        "parameters_with_bad_gradient": result.bad_gradients,
        "packs": [
            {"pack": int(i), "rows": [{"line": row + 1, "id": ids[row]} for row in packs.rows[i]]} for i in indices
        ],
    }
    picked = list(indices)
    with whole_folder(folder) as temporary:
        write_text(temporary / "config.yaml", dump_config(job.context.config))
        # A figure that is not finite is written as text: JSON has no NaN.
        write_json(temporary / "crash.json", {k: str(v) if isinstance(v, float) else v for k, v in crash.items()})
        save_file({"ids": packs.ids[picked], "labels": packs.labels[picked]}, temporary / "batch.safetensors")


def _row_ids(path: Path, lines: set[int]) -> dict[int, str | None]:
    """The rows' own ids, by line number from 0; None where a row has none."""
    with path.open(encoding="utf-8") as file:
        return {n: json.loads(line).get("id") for n, line in islice(enumerate(file), max(lines) + 1) if n in lines}
