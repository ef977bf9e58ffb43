"""The chunked loss against PyTorch's cross-entropy in float64, and which kernel a device gets."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from train.torch_track.attention import kernel_for
from train.torch_track.chunked_loss import chunked_cross_entropy
from train.torch_track.packing import IGNORED, micro_batch, pack_rows


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


def test_nothing_supervised_is_no_loss() -> None:
    hidden = torch.randn(3, 4, requires_grad=True)
    total = chunked_cross_entropy(hidden, torch.randn(5, 4), torch.full((3,), IGNORED), torch.float32)
    total.backward()
    assert float(total.detach()) == 0.0
    assert hidden.grad is not None
    assert not hidden.grad.any()


def test_validation_needs_no_gradient() -> None:
    with torch.no_grad():
        total = chunked_cross_entropy(torch.randn(3, 4), torch.randn(5, 4), torch.tensor([0, 1, 2]), torch.float32)
    assert float(total) > 0


def test_kernels_by_device_and_packs() -> None:
    rows = [([1, 2, 3], [0, 1, 1]), ([4, 5], [0, 1])]
    several, single = pack_rows(rows, 8, 0), pack_rows(rows, 8, 0, packing=False)
    cuda = torch.device("cuda")
    assert kernel_for(torch.device("cpu"), True, 0.0, single) == "masked"
    assert kernel_for(cuda, True, 0.0, single) == "causal"
    assert kernel_for(cuda, True, 0.0, several) == kernel_for(cuda, True, 0.0, single, several) == "varlen"
    assert kernel_for(cuda, False, 0.0, single) == kernel_for(cuda, True, 0.1, several) == "masked"


def test_bounds_by_hand() -> None:
    packs = pack_rows([([1, 2, 3], [0, 1, 1]), ([4, 5], [0, 1]), ([6] * 7, [0] + [1] * 6)], 7, 0)
    assert packs.segments.tolist() == [[0] * 7, [0, 0, 0, 1, 1, -1, -1]]
    assert micro_batch(packs, [0, 1]).bounds.tolist() == [0, 7, 10, 12, 14, 14, 14]
