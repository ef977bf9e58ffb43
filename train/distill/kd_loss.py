"""Distillation loss on keras.ops: top-k of the teacher plus one bucket for the rest of the vocabulary.

    loss = Σ over supervised tokens of [ α·T²·KL(teacher_T ‖ student_T) + (1 − α)·CE ]  ÷  supervised tokens

Both sides are grouped the same way, k tokens and one tail, so the KL is a true divergence of k + 1 outcomes: never
negative, a lower bound of the one over the whole vocabulary, equal to it as k → V. Bare top-k, renormalised, is biased
(arXiv 2503.16870). All of it is done on logarithms: a tail of 1e-6 is as good as one of .5.
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

Tensor = Any  # of whichever back end Keras runs on

MASKED = -1e9


def kl_top_k(logits: Tensor, ids: Tensor, logprobs: Tensor, lse: Tensor, temperature: float) -> Tensor:
    """KL(teacher_T ‖ student_T) over the teacher's top-k tokens and one tail bucket.

    Args:
        logits: [N,V] of the student, at T = 1.
        ids: [N,k] int, the teacher's most likely tokens, no token twice.
        logprobs: [N,k] of the teacher, at T = 1, normalised over the vocabulary.
        lse: [N] log-sum-exp over the vocabulary of (teacher's log-prob / T).
        temperature: T.

    Returns:
        [N], in nats, not multiplied by T².
    """
    scaled = logits / temperature
    student_lse = ops.logsumexp(scaled, axis=-1, keepdims=True)
    student = ops.take_along_axis(scaled, ids, axis=-1) - student_lse
    teacher = logprobs / temperature - ops.expand_dims(lse, -1)
    if ids.shape[-1] < logits.shape[-1]:  # else there is no tail
        tail = ops.logsumexp(ops.where(_is_in(ids, logits), MASKED, scaled), axis=-1, keepdims=True) - student_lse
        student = ops.concatenate([student, tail], axis=-1)
        teacher = ops.concatenate([teacher, _log_tail(teacher)], axis=-1)
    # fp16 log-probabilities add up to one only to 1e-4; what is left would make the KL negative.
    teacher = teacher - ops.logsumexp(teacher, axis=-1, keepdims=True)
    return ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """−log p(label): logits [N,V], labels [N] int → [N], in nats."""
    chosen = ops.squeeze(ops.take_along_axis(logits, ops.expand_dims(labels, -1), axis=-1), axis=-1)
    return ops.logsumexp(logits, axis=-1) - chosen


def distillation_loss(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor,
    teacher: dict[str, Tensor],
    alpha: float,
    temperature: float,
) -> tuple[Tensor, Tensor]:
    """Token-normalised loss, and the cross-entropy in it.

    Args:
        logits: [N,V] of the student at supervised positions.
        labels: [N] int.
        weights: [N] 1.0, or 0.0 for padding.
        teacher: ids [N,k], logprobs [N,k], lse [N], has_kd [N] (1.0 where the cache has the position; elsewhere the
            other three must be finite, and cross-entropy alone counts). Empty: cross-entropy everywhere.
        alpha: weight of the distillation loss.
        temperature: T.

    Returns:
        Two scalars: the loss, and the mean cross-entropy.
    """
    tokens = ops.maximum(ops.sum(weights), 1.0)
    ce = cross_entropy(logits, labels)
    mean_ce = ops.sum(weights * ce) / tokens
    if not teacher or alpha == 0.0:
        return mean_ce, mean_ce
    kl = kl_top_k(logits, teacher["ids"], teacher["logprobs"], teacher["lse"], temperature)
    share = alpha * teacher["has_kd"]
    loss = share * temperature**2 * kl + (1.0 - share) * ce
    return ops.sum(weights * loss) / tokens, mean_ce


def _is_in(ids: Tensor, logits: Tensor) -> Tensor:
    """[N,V] bool: whether a token is one of its row's ids [N,k]. No gradient runs through it."""
    rows, k = ids.shape
    lines = ops.broadcast_to(ops.expand_dims(ops.arange(rows, dtype=ids.dtype), -1), (rows, k))
    indices = ops.reshape(ops.stack([lines, ids], axis=-1), (-1, 2))
    return ops.scatter(indices, ops.ones((rows * k,), dtype="int32"), (rows, logits.shape[-1])) > 0


def _log_tail(teacher: Tensor) -> Tensor:
    """log(1 − Σ exp(teacher)) over the last axis, kept; no smaller than rounding can tell from nothing."""
    smallest = 1e-15 if "float64" in str(teacher.dtype) else 1e-7
    top = ops.minimum(ops.logsumexp(teacher, axis=-1, keepdims=True), -smallest)
    # log1mexp, as in Mächler 2012: expm1 near zero, log1p far from it.
    near, far = ops.log(-ops.expm1(top)), ops.log1p(-ops.exp(top))
    return ops.where(top > -math.log(2.0), near, far)
