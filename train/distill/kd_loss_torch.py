"""The loss of kd_loss.py in PyTorch: for the benchmark of frameworks, and the other side of a parity test."""

from __future__ import annotations

import torch

MASKED = -1e9  # as in kd_loss.py, which can not be imported here: it brings Keras and TensorFlow


def kl_top_k(
    logits: torch.Tensor, ids: torch.Tensor, logprobs: torch.Tensor, lse: torch.Tensor, temperature: float
) -> torch.Tensor:
    """KL(teacher_T ‖ student_T) over top-k and tail: logits [N,V], ids and logprobs [N,k], lse [N] → [N], in nats."""
    scaled = logits / temperature
    student_lse = scaled.logsumexp(-1, keepdim=True)
    student = scaled.gather(-1, ids) - student_lse
    teacher = logprobs / temperature - lse[:, None]
    if ids.shape[-1] < logits.shape[-1]:
        tail = scaled.scatter(-1, ids, MASKED).logsumexp(-1, keepdim=True) - student_lse
        student = torch.cat([student, tail], -1)
        smallest = 1e-15 if teacher.dtype == torch.float64 else 1e-7
        top = teacher.logsumexp(-1, keepdim=True).clamp(max=-smallest)
        teacher = torch.cat([teacher, torch.log(-torch.expm1(top))], -1)
    teacher = teacher - teacher.logsumexp(-1, keepdim=True)
    return (teacher.exp() * (teacher - student)).sum(-1)


def distillation_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    teacher: dict[str, torch.Tensor],
    alpha: float,
    temperature: float,
) -> torch.Tensor:
    """Token-normalised α·T²·KL + (1 − α)·CE; arguments as in kd_loss.distillation_loss."""
    ce = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    kl = kl_top_k(logits, teacher["ids"], teacher["logprobs"], teacher["lse"], temperature)
    share = alpha * teacher["has_kd"]
    loss = share * temperature**2 * kl + (1.0 - share) * ce
    return (weights * loss).sum() / weights.sum().clamp(min=1.0)
