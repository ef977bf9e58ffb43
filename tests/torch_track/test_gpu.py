"""On a CUDA device: every way of computing gives the loss and the gradients of fp32 with a mask, but for rounding."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import tests.conftest
from train.torch_track.cuda_graph import Pass, RecordedPass
from train.torch_track.flex_trial import problem
from train.torch_track.job import Job
from train.torch_track.loop import train
from train.torch_track.loss import Road, SummedLoss
from train.torch_track.packing import MicroBatch, Packs, micro_batch, pack_rows
from train.torch_track.validation import validate

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
LENGTH, VOCABULARY = 256, 512


def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=192, intermediate_size=256, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=2, head_dim=64, initializer_range=0.1,
    )  # fmt: skip
    return LlamaForCausalLM(config).cuda()


def packs(one_row: bool) -> Packs:
    generator = torch.Generator().manual_seed(1)
    rows = []
    for length in (200, 90, 31, 7, 120, 64, 64, 100, 3, 250, 129, 128):
        ids = torch.randint(0, VOCABULARY, (length,), generator=generator).tolist()
        rows.append((ids, [0] * (length // 3) + [1] * (length - length // 3)))
    return pack_rows(rows, LENGTH, 0, packing=not one_row)


def gradients(made: LlamaForCausalLM, road: Road, batch: MicroBatch, bf16: bool) -> dict[str, torch.Tensor]:
    summed_loss = SummedLoss(deepcopy(made), road)
    with torch.autocast("cuda", torch.bfloat16, enabled=bf16):
        loss = summed_loss(batch)
    loss.backward()
    found = {name: p.grad.float() for name, p in summed_loss.named_parameters() if p.grad is not None}
    return {**found, "loss": loss.detach()}


ROADS = [
    Road(own_chunks=True),
    Road(low_stream=True, own_chunks=True),
    Road("varlen", own_chunks=True),
    Road("flex", own_chunks=True),
    Road("varlen", low_stream=True, own_chunks=True),
]


@pytest.mark.parametrize("road", ROADS, ids=str)
def test_gradients_are_those_of_fp32_with_a_mask(road: Road) -> None:
    check(road, one_row=False)


def test_one_row_a_pack_needs_no_mask() -> None:
    made = packs(one_row=True)
    road = Road.of(model(), torch.device("cuda"), True, made)
    assert road.attention == "causal"
    check(road, one_row=True)


def test_padding_longer_than_the_longest_row_is_cut() -> None:
    """Attention is told of no row longer than that; positions beyond it would be left as they lay in memory."""
    ids = [list(range(length)) for length in (40, 70, 33)]
    rows = pack_rows([(row, [0] + [1] * (len(row) - 1)) for row in ids], LENGTH, 0)
    assert (len(rows), rows.longest_row) == (1, 70)
    check(Road("varlen", own_chunks=True), one_row=False, rows=rows)


def check(road: Road, one_row: bool, rows: Packs | None = None) -> None:
    made, rows = model(), rows or packs(one_row)
    batch = micro_batch(rows, range(len(rows))).to(torch.device("cuda"))
    expected = gradients(made, Road(own_chunks=True), batch, bf16=False)
    found = gradients(made, road, batch, bf16=True)
    assert found.keys() == expected.keys()
    for name, value in expected.items():  # bf16 alone, with the mask, is .034 away on an H200
        error = float((found[name] - value).norm() / value.norm())
        assert error < 0.05, f"{name}: {error:.4f}"


def test_a_recorded_pass_adds_the_gradients_that_it_adds_when_launched() -> None:
    made, rows = model(), packs(one_row=False)
    batches = [micro_batch(rows, [index]).to(torch.device("cuda")) for index in range(len(rows))]
    factor = torch.tensor(0.25, device="cuda")
    launched = SummedLoss(deepcopy(made), Road("varlen", low_stream=True, own_chunks=True))
    losses = [pass_of(launched)(batch, factor) for batch in batches]
    expected = {name: p.grad.clone() for name, p in launched.named_parameters() if p.grad is not None}

    summed_loss = SummedLoss(deepcopy(made), Road("varlen", low_stream=True, own_chunks=True))
    run = RecordedPass(pass_of(summed_loss), list(summed_loss.parameters()), batches[-1])
    found = [run(batch, factor).clone() for batch in batches]
    torch.testing.assert_close(found, losses, rtol=1e-5, atol=0)
    for name, p in summed_loss.named_parameters():
        if name in expected:  # FlashAttention adds in any order: bf16 rounding
            assert p.grad is not None
            assert float((p.grad - expected[name]).norm() / expected[name].norm()) < 5e-3, name


def pass_of(summed_loss: SummedLoss) -> Pass:
    def work(batch: MicroBatch, factor: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cuda", torch.bfloat16):
            loss: torch.Tensor = summed_loss(batch)
        (loss * factor).backward()
        return loss.detach()

    return work


@pytest.mark.parametrize("adapter", [None, {"type": "lora", "r": 4, "alpha": 8}], ids=["full", "lora"])
@pytest.mark.parametrize("compiled", ["on", "off"])
def test_a_training_learns_the_same_with_and_without_a_graph(
    make_job: Callable[..., Job], compiled: str, adapter: dict[str, object] | None
) -> None:
    learnt = {}
    for graph in ("auto", "off"):
        job = make_job(
            device="cuda", precision="bf16", cuda_graph=graph, compile=compiled, adapter=adapter, micro_batch_size=2
        )
        before = validate(job)["loss"]
        train(job)
        assert (job.recorded is not None) is (graph == "auto")
        learnt[graph] = before - job.state.metrics["loss"]
        shutil.rmtree(job.context.checkpoints)
    assert learnt["off"] > 0.05
    assert learnt["auto"] == pytest.approx(learnt["off"], rel=0.1)


def test_a_training_with_flex_attention_learns_the_same(
    make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its validation runs uncompiled, with another kernel. Heads of 16: the tiny model's 8 are too small for it."""
    shape = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2}
    monkeypatch.setattr(tests.conftest, "TINY", tests.conftest.TINY.model_copy(update=shape))
    learnt = {}
    for kernel in ("flash", "flex"):
        job = make_job(device="cuda", precision="bf16", attention=kernel, compile="on", micro_batch_size=2)
        before = validate(job)["loss"]
        train(job)
        assert (job.accelerator.unwrap_model(job.summed_loss).kernel == "flex") is (kernel == "flex")
        learnt[kernel] = before - job.state.metrics["loss"]
        shutil.rmtree(job.context.checkpoints)
    assert learnt["flash"] > 0.05
    assert learnt["flex"] == pytest.approx(learnt["flash"], rel=0.1)


def test_a_trial_finds_flex_attention_as_exact_as_it_is() -> None:
    segments = torch.from_numpy(packs(one_row=False).segments).cuda()
    assert problem(segments, heads=6, kv_heads=2, head_size=64) is None
