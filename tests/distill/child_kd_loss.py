"""The distillation loss against float64 NumPy over the whole vocabulary, and against its PyTorch twin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

keras = pytest.importorskip("keras")

from train.distill.kd_loss import cross_entropy, distillation_loss, kl_top_k  # noqa: E402

Array = npt.NDArray[np.float64]
N, V = 40, 60


def log_softmax(x: Array) -> Array:
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def full_kl(teacher: Array, student: Array, t: float) -> Array:
    p, q = log_softmax(teacher / t), log_softmax(student / t)
    return (np.exp(p) * (p - q)).sum(-1)


def cached(teacher: Array, k: int, t: float, dtype: str) -> tuple[npt.NDArray[np.int32], Array, Array]:
    logprobs = log_softmax(teacher)
    ids = np.argsort(-logprobs, -1)[:, :k].astype(np.int32)
    lse = np.log(np.exp(logprobs / t).sum(-1))
    return ids, np.take_along_axis(logprobs, ids, -1).astype(dtype), lse.astype(dtype)


def logits(scale: float, seed: int) -> Array:
    return np.random.default_rng(seed).normal(size=(N, V)) * scale


@pytest.mark.parametrize("t", [1.0, 2.0, 5.0])
def test_converges_to_the_kl_over_the_whole_vocabulary(t: float) -> None:
    teacher, student = logits(3, 0), logits(3, 1)
    exact = full_kl(teacher, student, t)
    gaps = []
    for k in (1, 4, 16, 32, V - 1, V):
        got = np.asarray(
            kl_top_k(
                keras.ops.convert_to_tensor(student),
                *map(keras.ops.convert_to_tensor, cached(teacher, k, t, "float64")),
                t,
            )
        )
        assert (got >= -1e-12).all()
        assert (got <= exact + 1e-9).all()  # grouping outcomes never raises a divergence
        gaps.append(float(np.max(exact - got)))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > 0.01
    assert gaps[-1] < 1e-9
    assert gaps[-2] < 1e-9  # one token in the tail: the same k + 1 outcomes


@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
@pytest.mark.parametrize("t", [1.0, 2.0])
def test_never_negative_from_an_fp16_cache(scale: float, t: float) -> None:
    teacher = logits(scale, 2)
    ids, logprobs, lse = cached(teacher, 8, t, "float32")
    stored = logprobs.astype(np.float16).astype(np.float32)
    for student in (teacher, logits(scale, 3), logits(100.0, 4)):
        got = np.asarray(kl_top_k(student.astype(np.float32), ids, stored, lse, t))
        assert np.isfinite(got).all()
        assert (got >= -1e-5).all(), got.min()


def test_zero_for_a_student_equal_to_the_teacher() -> None:
    teacher = logits(3, 5)
    got = np.asarray(
        kl_top_k(
            keras.ops.convert_to_tensor(teacher),
            *map(keras.ops.convert_to_tensor, cached(teacher, 6, 2.0, "float64")),
            2.0,
        )
    )
    assert np.abs(got).max() < 1e-12


def test_bare_top_k_would_be_wrong() -> None:
    """Two tokens of three, by hand: p = (.5, .3, .2), q = (.25, .25, .5), k = 1: .5·ln 2 + .5·ln(.5/.75)."""
    p, q = np.log([[0.5, 0.3, 0.2]]), np.log([[0.25, 0.25, 0.5]])
    got = np.asarray(kl_top_k(q, np.array([[0]], np.int32), p[:, :1], np.zeros(1), 1.0))
    assert got[0] == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(0.5 / 0.75), abs=1e-6)


def batch() -> dict[str, npt.NDArray[np.generic]]:
    rng = np.random.default_rng(6)
    ids, logprobs, lse = cached(logits(3, 7), 5, 2.0, "float32")
    has_kd = (rng.random(N) < 0.6).astype("float32")
    weights = (rng.random(N) < 0.8).astype("float32")
    return {
        "logits": logits(2, 8).astype("float32"),
        "labels": rng.integers(0, V, N).astype("int32"),
        "weights": weights,
        "ids": ids,
        "logprobs": logprobs,
        "lse": lse,
        "has_kd": has_kd,
    }


def test_loss_is_the_formula() -> None:
    b = batch()
    teacher = {name: b[name] for name in ("ids", "logprobs", "lse", "has_kd")}
    loss, mean_ce = distillation_loss(b["logits"], b["labels"], b["weights"], teacher, 0.3, 2.0)
    ce = -log_softmax(b["logits"].astype("float64"))[np.arange(N), b["labels"]]
    kl = np.asarray(kl_top_k(b["logits"], b["ids"], b["logprobs"], b["lse"], 2.0))
    each = np.where(b["has_kd"] > 0, 0.3 * 4 * kl + 0.7 * ce, ce)
    assert float(loss) == pytest.approx((b["weights"] * each).sum() / b["weights"].sum(), rel=1e-5)
    assert float(mean_ce) == pytest.approx((b["weights"] * ce).sum() / b["weights"].sum(), rel=1e-5)


def test_gradient_of_split_batches_is_that_of_the_whole() -> None:
    """Sum ÷ supervised tokens: halves with unequal numbers of tokens, weighted by them, give the whole."""
    b = batch()
    teacher = {name: b[name] for name in ("ids", "logprobs", "lse", "has_kd")}
    whole, _ = distillation_loss(b["logits"], b["labels"], b["weights"], teacher, 0.5, 2.0)
    total = 0.0
    for part in (slice(0, 9), slice(9, N)):
        some, _ = distillation_loss(
            b["logits"][part],
            b["labels"][part],
            b["weights"][part],
            {name: value[part] for name, value in teacher.items()},
            0.5,
            2.0,
        )
        total += float(some) * b["weights"][part].sum()
    assert total / b["weights"].sum() == pytest.approx(float(whole), rel=1e-5)


def test_without_teacher_or_tokens() -> None:
    b = batch()
    ce = np.asarray(cross_entropy(b["logits"], b["labels"]))
    loss, _ = distillation_loss(b["logits"], b["labels"], b["weights"], {}, 0.5, 2.0)
    assert float(loss) == pytest.approx((b["weights"] * ce).sum() / b["weights"].sum(), rel=1e-5)
    assert float(distillation_loss(b["logits"], b["labels"], 0 * b["weights"], {}, 0.5, 2.0)[0]) == 0.0


TORCH = """
import sys, numpy as np, torch
from train.distill.kd_loss_torch import distillation_loss
b = {name: torch.from_numpy(value) for name, value in np.load(sys.argv[1]).items()}
b["ids"], b["labels"] = b["ids"].long(), b["labels"].long()
b["logits"].requires_grad_()
teacher = {name: b[name] for name in ("ids", "logprobs", "lse", "has_kd")}
loss = distillation_loss(b["logits"], b["labels"], b["weights"], teacher, 0.3, 2.0)
loss.backward()
np.savez(sys.argv[2], loss=loss.detach().numpy(), gradient=b["logits"].grad.numpy())
"""


def test_agrees_with_pytorch_in_loss_and_gradient(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    import tensorflow as tf

    b = batch()
    np.savez(tmp_path / "batch.npz", **b)
    subprocess.run([sys.executable, "-c", TORCH, tmp_path / "batch.npz", tmp_path / "out.npz"], check=True)
    other = np.load(tmp_path / "out.npz")
    teacher = {name: b[name] for name in ("ids", "logprobs", "lse", "has_kd")}
    x = tf.Variable(b["logits"])

    @tf.function(jit_compile=True)
    def gradient() -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            loss, _ = distillation_loss(x.value(), b["labels"], b["weights"], teacher, 0.3, 2.0)
        return loss, tape.gradient(loss, x)

    loss, grad = gradient()
    assert float(loss) == pytest.approx(float(other["loss"]), rel=1e-5)
    assert np.abs(grad.numpy() - other["gradient"]).max() < 1e-6
