"""Fine-tuning: base model → teacher.

    python tandem.py finetune configs/demo.yaml
    accelerate launch -m train.torch_track configs/demo.yaml

One step: the step's packs → for each micro-batch, sum of token losses ÷ supervised tokens of the whole step → clip →
AdamW. All that a resumed run needs to do the same is in the checkpoint.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from transformers import LlamaForCausalLM

from train.atomic import whole_folder
from train.data.build import copy_tokenizer
from train.progress import say
from train.runs import StageContext
from train.torch_track.job import Job, planned_steps, prepare
from train.torch_track.loop import train
from train.torch_track.step import validation_loss


def run(context: StageContext) -> dict[str, Any]:
    """Trains and writes teacher/; returns validation loss, steps and what was decided on the way."""
    job = prepare(context)
    started, first_step = time.monotonic(), job.state.step
    train(job)
    seconds = time.monotonic() - started
    loss = validation_loss(job)
    context.tracker.log({"train/step": job.state.step, "eval/loss": loss})
    if job.accelerator.is_main_process:
        write_teacher(job.model, context.run.data / "tokenizer", context.run.teacher)
    job.accelerator.wait_for_everyone()
    say(f"finetune: validation loss {loss:.4f} after {job.state.step} steps")
    return _headline(job, loss, (job.state.step - first_step) * job.settings.batch_size, seconds)


def write_teacher(model: LlamaForCausalLM, tokenizer: Path, folder: Path) -> None:
    """A Hugging Face folder that plain transformers loads."""
    with whole_folder(folder) as temporary:
        model.save_pretrained(temporary)
        copy_tokenizer(tokenizer, temporary)


def _headline(job: Job, loss: float, packs_done: int, seconds: float) -> dict[str, Any]:
    precision = job.accelerator.mixed_precision
    return {
        "val_loss": round(loss, 5),
        "steps": job.state.step,
        "planned_steps": planned_steps(job.packs, job.settings),
        "packs": len(job.packs),
        "fill": round(job.packs.fill, 4),
        "tok_per_s": round(packs_done * job.settings.sequence_length / seconds, 1) if packs_done else None,
        "compiled": bool(job.state.compile_on),
        "compile_reason": job.state.compile_reason,
        "compile_seconds": job.state.compile_seconds,
        "precision": "fp32" if precision == "no" else precision,
        "parameters": sum(p.numel() for p in job.model.parameters()),
    }
