"""Cross-entropy of a large vocabulary: logits a chunk of positions at a time, and never twice.

A chunk's logits become its gradient at once, not kept for the backward pass: SmolLM2's logits cost 98 KB a
position in bf16. torch's linear_cross_entropy (2.13) does the same in plain operations; on a GPU one compiled kernel
makes the loss and the gradient of a chunk, on a CPU they are made in place (what that is worth: train/LOG.md).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from train.torch_track.packing import IGNORED

CHUNK = 16384  # positions whose logits are held at once: 1.6 GB at 49,152 words in bf16
CPU_CHUNK = 1024  # the same on a CPU, where they are held in fp32, too: 300 MB
LOSS_CHUNK = 2048  # the same where only the loss is wanted: that runs eagerly, which holds fp32 copies of the logits


def chunked_cross_entropy(
    hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor, dtype: torch.dtype, chunk: int | None = None
) -> torch.Tensor:
    """Sum of the token losses, nats, a scalar in fp32.

    Args:
        hidden: [positions, width].
        weight: of the output head, [vocabulary, width].
        labels: [positions]; IGNORED where there is no loss.
        dtype: of the matrix products; sums are fp32.
        chunk: positions whose logits are held at once; None: as the device has memory.
    """
    function: Any = _Chunked  # torch has no types for apply
    size = chunk or (CPU_CHUNK if hidden.is_cpu else CHUNK)
    total: torch.Tensor = function.apply(hidden, weight, labels, dtype, size, torch.is_grad_enabled())
    return total


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        labels: torch.Tensor,
        dtype: torch.dtype,
        chunk: int,
        wanted: bool,  # whether gradients are: not in validation
    ) -> torch.Tensor:
        total = torch.zeros((), device=hidden.device)
        table = weight.to(dtype)
        if not wanted:
            for part in _parts(len(hidden), min(chunk, LOSS_CHUNK)):
                total += _loss(hidden[part].to(dtype) @ table.T, labels[part])[0]
            return total
        states_gradient = torch.empty_like(hidden, dtype=dtype)
        trains_head = ctx.needs_input_grad[1]  # not with an adapter
        weight_gradient = torch.zeros_like(weight, dtype=torch.float32) if trains_head else None
        for part in _parts(len(hidden), chunk):
            states = hidden[part].to(dtype)
            loss, gradient = _loss_and_gradient(states @ table.T, labels[part])
            total += loss
            torch.mm(gradient, table, out=states_gradient[part])
            if weight_gradient is not None:
                weight_gradient += _product(gradient.T, states)
        ctx.save_for_backward(states_gradient, weight_gradient)
        ctx.dtypes = (hidden.dtype, weight.dtype)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        states_gradient, weight_gradient = ctx.saved_tensors
        scale, (states_dtype, weight_dtype) = outer[0], ctx.dtypes
        states = (states_gradient.float() * scale).to(states_dtype)  # in bf16 the scale itself would be off by 0.2 %
        table = None if weight_gradient is None else (weight_gradient * scale).to(weight_dtype)
        return states, table, None, None, None, None


def _parts(positions: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, positions, size)]


def _loss_and_gradient(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed loss of a chunk, and its gradient with respect to the logits, in their dtype."""
    made = _compiled() if logits.is_cuda else _in_place
    found: tuple[torch.Tensor, torch.Tensor] = made(logits, labels)
    return found


def _softmax_gradient(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    loss, values, log_sum = _loss(logits, labels)
    hot = torch.arange(logits.shape[-1], device=logits.device) == labels[:, None]  # nowhere where it is IGNORED
    gradient = ((values - log_sum).exp() - hot.float()) * (labels != IGNORED)[:, None]
    return loss, gradient.to(logits.dtype)


def _in_place(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """_softmax_gradient with one copy of the logits in fp32 and no other."""
    loss, values, log_sum = _loss(logits, labels)
    gradient = values.sub_(log_sum).exp_()
    gradient[torch.arange(len(labels), device=labels.device), labels.clamp_min(0)] -= 1.0
    return loss, logits.copy_(gradient.mul_((labels != IGNORED)[:, None]))


def _loss(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Summed loss; the logits in fp32, and their log-sum-exp, [positions, 1]."""
    values = logits.float()
    log_sum = values.logsumexp(-1, keepdim=True)
    losses = (log_sum - values.gather(-1, labels.clamp_min(0)[:, None]))[:, 0]
    return (losses * (labels != IGNORED)).sum(), values, log_sum


@cache
def _compiled() -> Any:
    """Made when it is first needed: torch.compile imports Dynamo, which takes seconds."""
    return torch.compile(_softmax_gradient, dynamic=False)


def _product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """left @ right, summed and returned in fp32."""
    if left.is_cuda and left.dtype == torch.bfloat16:
        return torch.mm(left, right, out_dtype=torch.float32)
    return (left @ right).float()
