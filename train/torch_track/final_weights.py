"""Which weights become the teacher: those of the last step or of the best checkpoint, or their mean with the first
ones (finetune.initial_share)."""

from __future__ import annotations

from dataclasses import replace

import torch

from train.config.schema import FinetuneConfig
from train.progress import say
from train.torch_track import checkpoint, initial_folder
from train.torch_track.job import Job
from train.torch_track.model import load_trainable
from train.torch_track.validation import validate


def chosen_step(job: Job) -> int:
    """The best step where that is kept, else the last."""
    best = job.state.selection.best_step
    return job.state.step if best is None else best


def load_chosen(job: Job) -> None:
    """Puts the weights of `chosen_step` into the model."""
    if (chosen := chosen_step(job)) != job.state.step:
        checkpoint.load_weights(job.context.checkpoints, chosen, job.model)


def mixes(settings: FinetuneConfig) -> bool:
    """Whether a share of the first weights stays."""
    return settings.initial_share > 0 and settings.initial is not None


def keep_initial_share(job: Job) -> None:
    """Gives the model, with the chosen step's weights, its share of those that the run began with; validates both."""
    config, settings = job.context.config, job.settings
    main, weights = job.accelerator.is_main_process, list(job.model.parameters())
    if main:  # which alone is sure to see the checkpoints
        load_chosen(job)
    _as_process_0(job, weights)
    before = validate(job)["loss"]
    if main:
        tokenizer = job.context.run.data / "tokenizer"
        start = load_trainable(config.model, tokenizer, config.seed, initial=initial_folder(config))
        with torch.no_grad():
            for weight, first in zip(weights, start.parameters(), strict=True):
                weight.lerp_(first.to(weight.device), settings.initial_share)
    _as_process_0(job, weights)
    job.state = replace(job.state, metrics=validate(job))
    after = job.state.metrics["loss"]
    job.context.tracker.log({"train/step": job.state.step, "eval/mixed_loss": after})
    share = f"{settings.initial_share:g} of the weights of {settings.initial}"
    say(f"finetune: with {share}: validation loss {before:.4f} → {after:.4f}")


def _as_process_0(job: Job, weights: list[torch.nn.Parameter]) -> None:
    if job.accelerator.num_processes > 1:
        for weight in weights:
            torch.distributed.broadcast(weight.data, src=0)
