"""One optimizer step, and the validation loss: the arithmetic of the fine-tuning."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator

from train.errors import TandemError
from train.torch_track.job import Job
from train.torch_track.packing import IGNORED, MicroBatch, Packs, micro_batch


@dataclass(frozen=True)
class StepResult:
    """Figures of one step over all processes."""

    loss: float  # mean over supervised tokens, nats
    grad_norm: float  # before clipping
    tokens: int  # positions computed, padding included
    supervised: int


def optimizer_step(job: Job, indices: Sequence[int], rate: float) -> StepResult:
    """One AdamW step over these packs.

    Raises:
        TandemError: loss or gradient is not finite; the weights are as they were.
    """
    accelerator = job.accelerator
    batches = list(own_micro_batches(job.packs, indices, job.settings.micro_batch_size, accelerator))
    # Every process knows the packs of the whole step, so the count over all of them needs no communication.
    supervised = int((job.packs.labels[list(indices)] != IGNORED).sum())
    total = torch.zeros((), device=accelerator.device)
    for number, batch in enumerate(batches, 1):
        last = number == len(batches)
        with contextlib.nullcontext() if last else accelerator.no_sync(job.summed_loss):
            loss = job.summed_loss(batch)
            # DDP averages gradients over processes; the loss is a sum, so their number goes back in.
            accelerator.backward(loss * (accelerator.num_processes / max(1, supervised)))
        total += loss.detach()
    norm = accelerator.clip_grad_norm_(job.summed_loss.parameters(), job.settings.clip_norm)
    loss_value, norm_value = float(accelerator.reduce(total)) / max(1, supervised), float(norm)
    if not (math.isfinite(loss_value) and math.isfinite(norm_value)):
        raise TandemError(
            f"Step {job.state.step + 1}: loss {loss_value}, gradient norm {norm_value}; the weights were not changed. "
            "Lower finetune.learning_rate or set finetune.precision: fp32. The run goes on from its last checkpoint."
        )
    for group in job.optimizer.param_groups:
        group["lr"] = rate
    job.optimizer.step()
    job.optimizer.zero_grad()
    return StepResult(loss_value, norm_value, len(indices) * job.packs.ids.shape[1], supervised)


def own_micro_batches(
    packs: Packs, indices: Sequence[int], size: int, accelerator: Accelerator
) -> Iterator[MicroBatch]:
    """This process's share of the packs, a micro-batch at a time."""
    own = indices[accelerator.process_index :: accelerator.num_processes]
    for start in range(0, len(own), size):
        yield micro_batch(packs, own[start : start + size]).to(accelerator.device)


def validation_loss(job: Job) -> float:
    """Mean loss over the supervised tokens of the validation packs, nats. Every process computes all of it."""
    if job.validation.supervised_tokens == 0:
        return float("nan")
    module = job.accelerator.unwrap_model(job.summed_loss)
    total = 0.0
    module.eval()
    # Layers run as they are here: a second compilation, for passes without gradient, would cost more than it saves.
    with torch.no_grad(), job.accelerator.autocast(), torch.compiler.set_stance("force_eager"):
        for start in range(0, len(job.validation), job.settings.micro_batch_size):
            indices = range(start, min(start + job.settings.micro_batch_size, len(job.validation)))
            total += float(module(micro_batch(job.validation, list(indices)).to(job.accelerator.device)))
    module.train()
    return total / job.validation.supervised_tokens
