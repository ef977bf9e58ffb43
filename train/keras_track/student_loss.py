"""The student's losses on a batch, on keras.ops: the same code on every back end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops

from train.config.schema import DistillConfig
from train.distill.kd_loss import cross_entropy, distillation_loss
from train.keras_track.student import StudentModel

Tensor = Any
TEACHER = ("ids", "logprobs", "lse", "has_kd")


def student_loss(student: StudentModel, batch: Mapping[str, Tensor], config: DistillConfig) -> tuple[Tensor, Tensor]:
    """Token-normalised loss of a batch (shapes: Batches.arrays), and the cross-entropy in it."""
    teacher = {name: _flat(batch[name]) for name in TEACHER if name in batch}
    logits, labels, weights = logits_at(student, batch), _flat(batch["labels"]), _flat(batch["weights"])
    return distillation_loss(logits, labels, weights, teacher, config.alpha, config.temperature)


def summed_cross_entropy(student: StudentModel, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Cross-entropy in nats summed over the supervised tokens of a batch, and their number."""
    weights, losses = _flat(batch["weights"]), cross_entropy(logits_at(student, batch), _flat(batch["labels"]))
    return ops.sum(weights * losses), ops.sum(weights)


def logits_at(student: StudentModel, batch: Mapping[str, Tensor]) -> Tensor:
    """[B·M,V]: the head runs at supervised positions alone."""
    hidden, positions = student.hidden(batch["token_ids"], batch["padding_mask"]), batch["positions"]
    rows, length, width = hidden.shape
    first = ops.expand_dims(ops.arange(rows, dtype="int32") * length, -1)
    chosen = ops.take(ops.reshape(hidden, (rows * length, width)), _flat(positions + first), axis=0)
    return student.logits(chosen)


def clipped(gradients: Sequence[Tensor], limit: float) -> tuple[list[Tensor], Tensor]:
    """Gradients scaled down to a global norm of at most `limit`, and the norm before."""
    norm = ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in gradients))
    scale = limit / ops.maximum(norm, limit)
    return [gradient * scale for gradient in gradients], norm


def _flat(tensor: Tensor) -> Tensor:
    """[B,M,…] → [B·M,…]."""
    return ops.reshape(tensor, (tensor.shape[0] * tensor.shape[1], *tensor.shape[2:]))
