"""Fine-tuning: base model → teacher.

    python tandem.py finetune configs/demo.yaml
    accelerate launch -m train.torch_track configs/demo.yaml

One step: the step's packs → for each micro-batch, sum of token losses ÷ supervised tokens of the whole step → clip →
AdamW. All that a resumed run needs to do the same is in the checkpoint. The best checkpoint becomes the teacher; an
adapter is merged into it and kept beside it.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import LlamaForCausalLM

from train.atomic import whole_folder
from train.data.build import copy_tokenizer
from train.keras_track.logits_memory import largest_logits, too_large
from train.progress import say
from train.runs import StageContext
from train.torch_track import ADAPTER, checkpoint, initial_folder
from train.torch_track.adapter import attach, load_adapter, merge, save_adapter
from train.torch_track.final_weights import chosen_step, keep_initial_share, load_chosen, mixes
from train.torch_track.flops import count
from train.torch_track.job import Job, planned_steps, prepare
from train.torch_track.loop import train
from train.torch_track.model import load_trainable
from train.torch_track.packing import micro_batch
from train.torch_track.sharding import is_sharded

if TYPE_CHECKING:
    from peft import PeftModel


def run(context: StageContext) -> dict[str, Any]:
    """Trains and writes teacher/; returns validation figures, steps and what was decided on the way."""
    job = prepare(context)
    context.tracker.log({"train/step": job.state.step, **data_figures(job)})
    _tell_student_memory(job)
    started, first_step = time.monotonic(), job.state.step
    train(job)
    seconds = time.monotonic() - started
    if mixes(job.settings):
        keep_initial_share(job)
    elif job.settings.initial_share:
        say(f"finetune: initial_share {job.settings.initial_share:g} has no effect: there is no finetune.initial")
    job.accelerator.wait_for_everyone()
    figures = _headline(job, (job.state.step - first_step) * job.settings.batch_size, seconds)
    if job.accelerator.is_main_process:
        _write_results(job)
    job.accelerator.wait_for_everyone()
    say(f"finetune: {_summary(job)}")
    return figures


def _tell_student_memory(job: Job) -> None:
    """Says before the first step, not after the last, that the stage after next can't be done on this machine."""
    config = job.context.config
    if not any(engine.startswith("student-") for engine in config.eval.engines):
        return
    settings = config.distill
    found = largest_logits(job.packs.row_sizes(), settings.buckets, settings.batch_size, job.model.config.vocab_size)
    if (problem := too_large(found)) is not None:
        say(f"finetune: the teacher can be trained, but {problem}")


def data_figures(job: Job) -> dict[str, float]:
    """How full the packs are, and the share of rows that the data stage left out since they are too long (no row is
    ever cut)."""
    made = job.context.run.stage_record("data").get("headline", {})
    kept = sum(value for key, value in made.items() if key.startswith("rows_"))
    dropped = made.get("dropped", 0)
    return {
        "data/fill": job.packs.fill,
        "data/packs": len(job.packs),
        "data/rows": sum(map(len, job.packs.rows)),
        "data/dropped_share": dropped / max(1, dropped + kept),
    }


def _write_results(job: Job) -> None:
    model, adapter = _final(job)
    tokenizer, folder = job.context.run.data / "tokenizer", job.context.run.path / ADAPTER
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier run with an adapter
    if adapter is not None:
        save_adapter(adapter, folder)
        model = _merged(job, adapter, folder)
    if job.settings.save_dtype == "bf16":
        model = model.bfloat16()
    write_teacher(model, tokenizer, job.context.run.teacher)


def _final(job: Job) -> tuple[LlamaForCausalLM, PeftModel | None]:
    """Model and adapter with the weights of the best checkpoint, or of the last step."""
    settings = job.settings
    if is_sharded(job.model):  # this process holds a part: the whole is read from the checkpoint, beside it
        config = job.context.config
        tokenizer, initial = job.context.run.data / "tokenizer", initial_folder(config)
        model = load_trainable(config.model, tokenizer, config.seed, initial=initial)
        adapter = None if settings.adapter is None else attach(model, settings.adapter, config.seed)
        checkpoint.load_weights(job.context.checkpoints, chosen_step(job), model)
        return model, adapter
    if not mixes(settings):  # else that is done, and more
        load_chosen(job)
    return job.model, job.adapter


def _merged(job: Job, adapter: PeftModel, folder: Path) -> LlamaForCausalLM:
    assert job.settings.adapter is not None
    sample = job.validation if len(job.validation) else job.packs
    batch = micro_batch(sample, [0])
    if job.settings.adapter.type == "qlora":  # the trained base has four bits: merge into the real one
        config = job.context.config
        base = load_trainable(config.model, job.context.run.data / "tokenizer", config.seed)
        return merge(load_adapter(base, folder), batch)
    return merge(adapter, batch.to(next(adapter.parameters()).device))


def write_teacher(model: LlamaForCausalLM, tokenizer: Path, folder: Path) -> None:
    """A Hugging Face folder that plain transformers loads."""
    with whole_folder(folder) as temporary:
        model.save_pretrained(temporary)
        copy_tokenizer(tokenizer, temporary)


def _summary(job: Job) -> str:
    state, metrics = job.state, job.state.metrics
    text = f"validation loss {metrics['loss']:.4f}, rows right {metrics['row_accuracy']:.1%} after {state.step} steps"
    chosen = chosen_step(job)
    if mixes(job.settings):
        return f"{text}; the teacher is the mean of step {chosen} and {job.settings.initial}"
    return text if chosen == state.step else f"{text}; the teacher is step {chosen}"


def _headline(job: Job, packs_done: int, seconds: float) -> dict[str, Any]:
    state, precision = job.state, job.accelerator.mixed_precision
    return {
        "val_loss": round(state.metrics["loss"], 5),
        "val_token_accuracy": round(state.metrics["token_accuracy"], 4),
        "val_row_accuracy": round(state.metrics["row_accuracy"], 4),
        "best_step": state.selection.best_step,
        "best_value": state.selection.best,
        "steps": state.step,
        "planned_steps": planned_steps(job.packs, job.settings),
        "stopped_early": state.stopped_early,
        "skipped_steps": state.skipped,
        "packs": len(job.packs),
        "fill": round(job.packs.fill, 4),
        "tok_per_s": round(packs_done * job.settings.sequence_length / seconds, 1) if packs_done else None,
        "compiled": bool(state.compile_on),
        "compile_reason": state.compile_reason,
        "compile_seconds": state.compile_seconds,
        "precision": "fp32" if precision == "no" else precision,
        "adapter": job.settings.adapter.type if job.settings.adapter else None,
        "parameters": sum(map(count, job.model.parameters())),
        "trained_parameters": sum(p.numel() for p in job.trainable),
    }
