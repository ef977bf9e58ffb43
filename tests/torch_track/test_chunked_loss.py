"""The chunked loss against PyTorch's cross-entropy in float64, and which kernel a device gets."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from train.hardware import gpu_has_bf16
from train.torch_track import chunked_loss
from train.torch_track.chunked_loss import chunked_cross_entropy
from train.torch_track.packing import IGNORED


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_loss_and_gradients_are_those_of_float64(chunk: int) -> None:
    torch.manual_seed(0)
    hidden, weight = torch.randn(20, 8), torch.randn(11, 8)
    labels = torch.randint(0, 11, (20,))
    labels[::3] = IGNORED
    ours = [part.clone().requires_grad_() for part in (hidden, weight)]
    total = chunked_cross_entropy(*ours, labels, torch.float32, chunk)
    (total * 0.5).backward()
    exact = [part.double().requires_grad_() for part in (hidden, weight)]
    expected = cross_entropy(exact[0] @ exact[1].T, labels, ignore_index=IGNORED, reduction="sum")
    (expected * 0.5).backward()
    torch.testing.assert_close(total.double(), expected, rtol=1e-6, atol=1e-6)
    for found, wanted in zip(ours, exact, strict=True):
        assert found.grad is not None
        assert wanted.grad is not None
        torch.testing.assert_close(found.grad.double(), wanted.grad, rtol=1e-5, atol=1e-6)


def test_a_frozen_head_gets_no_gradient_and_costs_no_product(monkeypatch: pytest.MonkeyPatch) -> None:
    def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        raise AssertionError("the head's gradient was made")

    torch.manual_seed(0)
    hidden, weight, labels = torch.randn(20, 8, requires_grad=True), torch.randn(11, 8), torch.randint(0, 11, (20,))
    monkeypatch.setattr(chunked_loss, "_product", product)
    chunked_cross_entropy(hidden, weight, labels, torch.float32, 7).backward()
    exact = hidden.detach().double().requires_grad_()
    cross_entropy(exact @ weight.double().T, labels, reduction="sum").backward()
    assert hidden.grad is not None
    torch.testing.assert_close(hidden.grad.double(), exact.grad, rtol=1e-5, atol=1e-6)


def test_bf16_keeps_the_scale_of_the_loss() -> None:
    torch.manual_seed(0)
    hidden, weight, labels = torch.randn(64, 8), torch.randn(11, 8, dtype=torch.bfloat16), torch.randint(0, 11, (64,))
    slopes = []
    for scale in (1.0, 1 / 45_000):  # the latter is 0.18 % off in bf16
        states = hidden.clone().requires_grad_()
        (chunked_cross_entropy(states, weight, labels, torch.bfloat16) * scale).backward()
        assert states.grad is not None
        slopes.append(states.grad / scale)
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-5, atol=1e-6)


def test_nothing_supervised_is_no_loss() -> None:
    hidden = torch.randn(3, 4, requires_grad=True)
    total = chunked_cross_entropy(hidden, torch.randn(5, 4), torch.full((3,), IGNORED), torch.float32)
    total.backward()
    assert float(total.detach()) == 0.0
    assert hidden.grad is not None
    assert not hidden.grad.any()


def test_validation_makes_no_gradient_and_holds_few_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    loss_of = chunked_loss._loss
    torch.manual_seed(0)
    hidden, weight, labels = torch.randn(5000, 4), torch.randn(5, 4), torch.randint(0, 5, (5000,))
    held: list[int] = []
    with torch.no_grad(), monkeypatch.context() as patch:
        patch.setattr(chunked_loss, "_loss_and_gradient", None)
        patch.setattr(chunked_loss, "_loss", lambda logits, at: held.append(len(logits)) or loss_of(logits, at))
        total = chunked_cross_entropy(hidden, weight, labels, torch.float32)
        chunked_cross_entropy(hidden, weight, labels, torch.float32, chunk=16_384)  # a GPU's
    assert held == [1024, 1024, 1024, 1024, 904, 2048, 2048, 904], "logits held at once"
    expected = cross_entropy(hidden.double() @ weight.double().T, labels, reduction="sum")
    torch.testing.assert_close(total.double(), expected, rtol=1e-6, atol=1e-6)


def test_emulated_bf16_is_not_native(monkeypatch: pytest.MonkeyPatch) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return including_emulation  # as torch answers on a T4

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert not gpu_has_bf16()
