"""The loss: equal to transformers', and the same step however the rows are batched or packed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from train.torch_track import loss as loss_module
from train.torch_track.chunked_loss import chunked_cross_entropy
from train.torch_track.job import Job
from train.torch_track.loss import Road, SummedLoss
from train.torch_track.packing import IGNORED, micro_batch, pack_rows
from train.torch_track.step import optimizer_step, own_micro_batches

ROWS = [([5, 6, 7, 8, 9], [0, 0, 1, 1, 0]), ([10, 11, 12, 13, 14, 15], [0, 1, 1, 1, 1, 1])]


def transformers_sum(model: LlamaForCausalLM) -> float:
    """Summed loss from transformers' own shifted mean loss, a row at a time."""
    total = 0.0
    for ids, mask in ROWS:
        labels = torch.tensor([[token if flag else IGNORED for token, flag in zip(ids, mask, strict=True)]])
        total += float(model(input_ids=torch.tensor([ids]), labels=labels).loss.detach()) * sum(mask)
    return total


ROADS = [Road(own_chunks=own, supervised_only=only) for own in (False, True) for only in (False, True)]


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("chunked_from", [10**9, 1])
def test_equals_transformers(
    tiny_model: LlamaForCausalLM, chunked_from: int, road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_module, "CHUNKED_FROM", chunked_from)
    batch = micro_batch(pack_rows(ROWS, 16, pad_id=0), [0])
    assert float(SummedLoss(tiny_model, road)(batch).detach()) == pytest.approx(transformers_sum(tiny_model), rel=1e-5)


@pytest.mark.parametrize("road", ROADS)
def test_nothing_supervised_is_zero_not_nan(tiny_model: LlamaForCausalLM, road: Road) -> None:
    batch = micro_batch(pack_rows([([5, 6, 7], [0, 0, 0])], 8, pad_id=0), [0])
    loss = SummedLoss(tiny_model, road)(batch)
    loss.backward()
    assert float(loss.detach()) == 0.0
    gradients = [weight.grad for weight in tiny_model.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)


def test_a_cpu_makes_logits_of_supervised_positions_alone(
    tiny_model: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    whole = chunked_cross_entropy

    def counted(hidden: torch.Tensor, *rest: Any) -> torch.Tensor:
        asked.append(len(hidden))
        return whole(hidden, *rest)

    monkeypatch.setattr(loss_module, "CHUNKED_FROM", 1)
    monkeypatch.setattr(loss_module, "chunked_cross_entropy", counted)
    packs = pack_rows(ROWS, 16, pad_id=0)
    SummedLoss(tiny_model, Road.of(tiny_model, torch.device("cpu"), False, packs))(micro_batch(packs, [0]))
    assert asked == [int((micro_batch(packs, [0]).labels != IGNORED).sum())]


def gradients(job: Job, micro_batch_size: int) -> dict[str, torch.Tensor]:
    """Gradients of one step as the loop makes them (clipping is far away), before the optimizer uses them."""
    found: dict[str, torch.Tensor] = {}

    def keep(*_: object) -> None:
        found.update({name: p.grad.clone() for name, p in job.model.named_parameters() if p.grad is not None})

    job.optimizer.optimizer.register_step_pre_hook(keep)
    object.__setattr__(job.context.config.finetune, "micro_batch_size", micro_batch_size)
    optimizer_step(job, list(range(8)), rate=1e-3)
    return found


@pytest.mark.parametrize("sizes", [(8, 1), (8, 2), (8, 4)])
def test_gradients_do_not_depend_on_micro_batches(make_job: Callable[..., Job], sizes: tuple[int, int]) -> None:
    whole, split = (
        gradients(make_job(batch_size=8, micro_batch_size=8, clip_norm=1e9), micro_batch_size=size) for size in sizes
    )
    for name, gradient in whole.items():
        torch.testing.assert_close(split[name], gradient, atol=1e-7, rtol=1e-4)


def test_gradients_do_not_depend_on_packing(tiny_model: LlamaForCausalLM) -> None:
    def gradient(length: int) -> torch.Tensor:
        tiny_model.zero_grad()
        packs = pack_rows(ROWS, length, pad_id=0)
        loss = SummedLoss(tiny_model)(micro_batch(packs, list(range(len(packs))))) / packs.supervised_tokens
        loss.backward()
        grad = tiny_model.model.layers[0].self_attn.q_proj.weight.grad
        assert grad is not None
        return grad.clone()

    assert (len(pack_rows(ROWS, 11, 0)), len(pack_rows(ROWS, 7, 0))) == (1, 2)
    torch.testing.assert_close(gradient(11), gradient(7), atol=1e-8, rtol=1e-4)


def test_processes_share_the_packs_of_a_step(make_job: Callable[..., Job]) -> None:
    class Rank:
        num_processes, device = 2, torch.device("cpu")

        def __init__(self, index: int) -> None:
            self.process_index = index

    packs = make_job().packs
    seen = [b.ids for rank in (0, 1) for b in own_micro_batches(packs, [3, 1, 4, 5], 1, Rank(rank))]  # type: ignore[arg-type]
    assert sorted(map(tuple, torch.cat(seen).tolist())) == sorted(map(tuple, packs.ids[[3, 1, 4, 5]].tolist()))
