"""One optimizer step: the arithmetic of the fine-tuning."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from accelerate import Accelerator

from train.torch_track.job import Job
from train.torch_track.packing import EMPTY, IGNORED, MicroBatch, Packs, micro_batch
from train.torch_track.sharding import whole


@dataclass(frozen=True)
class StepResult:
    """Figures of one step over all processes."""

    loss: float  # mean over supervised tokens, nats
    grad_norm: float  # before clipping
    positions: int  # computed, padding included
    tokens: int  # of them no padding
    supervised: int
    bad_gradients: tuple[str, ...] = ()  # parameters whose gradient is not finite

    @property
    def finite(self) -> bool:
        """Whether loss and gradient are finite; otherwise the weights were not changed."""
        return math.isfinite(self.loss) and math.isfinite(self.grad_norm)


def optimizer_step(job: Job, indices: Sequence[int], rate: float) -> StepResult:
    """One AdamW step over these packs; left out where loss or gradient is not finite (see StepResult.finite)."""
    accelerator, picked = job.accelerator, list(indices)
    # Dropout must not depend on what was drawn before: a resumed run draws the same.
    key = (job.context.config.seed, job.state.step, accelerator.process_index)
    torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))
    # Every process knows the packs of the whole step, so the count over all of them needs no communication.
    supervised = int((job.packs.labels[picked] != IGNORED).sum())
    total = _backward(job, indices, supervised)
    gradients = {name: p.grad for name, p in job.model.named_parameters() if p.grad is not None}
    norm = whole(torch.nn.utils.get_total_norm(list(gradients.values())))
    loss_value, norm_value = torch.stack((accelerator.reduce(total), norm)).tolist()  # the step's one host sync
    tokens = int((job.packs.segments[picked] != EMPTY).sum())
    result = StepResult(
        loss_value / max(1, supervised), norm_value, len(picked) * job.packs.ids.shape[1], tokens, supervised
    )
    if result.finite:
        # The norm is known here: gradients that need no clipping are not all multiplied by one.
        if norm_value > job.settings.clip_norm:
            torch.nn.utils.clip_grads_with_norm_(job.trainable, job.settings.clip_norm, norm)
        for group in job.optimizer.param_groups:
            group["lr"] = rate
        job.optimizer.step()
    else:
        bad = tuple(name for name, gradient in gradients.items() if not torch.isfinite(whole(gradient)).all())
        result = replace(result, bad_gradients=bad)
    job.optimizer.zero_grad(set_to_none=job.recorded is None)
    return result


def _backward(job: Job, indices: Sequence[int], supervised: int) -> torch.Tensor:
    """Gradients of the mean loss over `supervised` tokens; returns this process's summed loss, nats."""
    accelerator = job.accelerator
    batches = list(own_micro_batches(job.packs, indices, job.settings.micro_batch_size, accelerator))
    total = torch.zeros((), device=accelerator.device)
    # DDP and FSDP2 average gradients over processes; the loss is a sum, so their number goes back in. FSDP2 has no
    # no_sync of this name: it reduces after each micro-batch, since whole gradients are what it avoids.
    factor = torch.full((), accelerator.num_processes / max(1, supervised), device=accelerator.device)
    for number, batch in enumerate(batches, 1):
        last = number == len(batches)
        with contextlib.nullcontext() if last else accelerator.no_sync(job.summed_loss):
            total += forward_backward(job, batch, factor) if job.recorded is None else job.recorded(batch, factor)
    return total


def forward_backward(job: Job, batch: MicroBatch, factor: torch.Tensor) -> torch.Tensor:
    """Adds the gradients of the micro-batch's summed loss × factor to the weights'; returns the summed loss."""
    loss: torch.Tensor = job.summed_loss(batch)
    job.accelerator.backward(loss * factor)
    return loss.detach()


def own_micro_batches(
    packs: Packs, indices: Sequence[int], size: int, accelerator: Accelerator
) -> Iterator[MicroBatch]:
    """This process's share of the packs, a micro-batch at a time."""
    own = indices[accelerator.process_index :: accelerator.num_processes]
    for start in range(0, len(own), size):
        yield micro_batch(packs, own[start : start + size]).to(accelerator.device)
