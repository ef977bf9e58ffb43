"""Adapters against plain peft, the merged teacher against the trained model, and what is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from train.errors import MissingExtraError, TandemError, UserError
from train.torch_track import adapter as adapters
from train.torch_track.adapter import attach, four_bit_config, merge
from train.torch_track.compile_audit import CompileAudit
from train.torch_track.finetune import run
from train.torch_track.job import Job
from train.torch_track.loop import train
from train.torch_track.packing import micro_batch
from train.torch_track.step import optimizer_step

peft = pytest.importorskip("peft", reason="of the extra torch")

KINDS = ("lora", "rslora", "dora")
IDS = torch.tensor([[5, 6, 7, 8, 9, 10]])


def reference_model(job: Job, kind: str) -> Any:
    """The same adapter, made with peft alone on a copy of the untouched base."""
    torch.manual_seed(job.context.config.seed)
    base = copy.deepcopy(job.model)
    config = peft.LoraConfig(
        r=4,
        lora_alpha=12,
        target_modules=["q_proj", "v_proj"],
        use_rslora=kind == "rslora",
        use_dora=kind == "dora",
    )
    return peft.get_peft_model(base, config)


def adapter_settings(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "r": 4, "alpha": 12, "targets": ["q_proj", "v_proj"], **more}


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_that_of_plain_peft(make_job: Callable[..., Job], kind: str) -> None:
    reference = reference_model(make_job(), kind)
    job = make_job(adapter=adapter_settings(kind), batch_size=1, micro_batch_size=1, clip_norm=1e9)
    found: dict[str, torch.Tensor] = {}
    job.optimizer.optimizer.register_step_pre_hook(
        lambda *_: found.update({n: p.grad.clone() for n, p in job.model.named_parameters() if p.grad is not None})
    )
    optimizer_step(job, [0], 1e-3)
    packs, total = job.packs, 0
    for segment in range(packs.segments[0].max() + 1):  # a row at a time, with transformers' own loss
        place = packs.segments[0] == segment
        ids, labels = (torch.from_numpy(a[0][place])[None] for a in (packs.ids, packs.labels))
        logits = reference(input_ids=ids).logits
        (torch.nn.functional.cross_entropy(logits[0], labels[0], reduction="sum") / packs_supervised(job)).backward()
        total += 1
    assert total == len(packs.rows[0])
    expected = {n: p.grad for n, p in reference.get_base_model().named_parameters() if p.grad is not None}
    assert set(found) == set(expected)
    assert all("lora_" in name for name in found)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-7, rtol=1e-3)


def packs_supervised(job: Job) -> int:
    return int((job.packs.labels[0] != -100).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_the_teacher_is_merged_and_plain_and_the_adapter_beside_it(
    make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    base = copy.deepcopy(make_job().model)
    job = make_job(adapter=adapter_settings(kind, dropout=0.1), epochs=1, learning_rate=3e-2)
    trained: list[torch.Tensor] = []

    def keep_logits(*arguments: Any) -> LlamaForCausalLM:
        job.model.eval()
        trained.append(job.model(input_ids=IDS).logits.detach())
        return merge(*arguments)

    monkeypatch.setattr("train.torch_track.finetune.merge", keep_logits)
    monkeypatch.setattr("train.torch_track.finetune.prepare", lambda context: job)
    headline = run(job.context)
    assert headline["trained_parameters"] < headline["parameters"] / 10
    folder = job.context.run.teacher
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert set(file.keys()) == set(dict(base.named_parameters()))
    assert "peft" not in (folder / "config.json").read_text()
    with torch.no_grad():
        teacher = AutoModelForCausalLM.from_pretrained(folder)(input_ids=IDS).logits
        alone = peft.PeftModel.from_pretrained(
            copy.deepcopy(base), str(job.context.run.path / "teacher-adapter")
        ).eval()
        beside = alone(input_ids=IDS).logits
        untouched = base(input_ids=IDS).logits
    torch.testing.assert_close(teacher, trained[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(beside, trained[0], atol=1e-5, rtol=1e-4)
    assert (teacher - untouched).abs().max() > 1e-2
    saved = json.loads((job.context.run.path / "teacher-adapter" / "adapter_config.json").read_text())
    assert (saved["use_rslora"], saved["use_dora"]) == (kind == "rslora", kind == "dora")


def test_merging_compiles_nothing(make_job: Callable[..., Job]) -> None:
    """Its passes run without gradient, for which compiled layers would be compiled once more."""
    job = make_job(adapter=adapter_settings("lora"), compile="on", epochs=1)
    train(job)
    assert job.state.compile_on
    assert job.adapter is not None
    audit = CompileAudit()
    merge(job.adapter, micro_batch(job.packs, [0]))
    assert audit.recompilations() == []


def test_only_the_adapter_is_in_the_checkpoint(make_job: Callable[..., Job]) -> None:
    job = make_job(adapter=adapter_settings("lora"))
    optimizer_step(job, [0, 1], 1e-3)
    job.save_checkpoint()
    with safe_open(job.context.checkpoints / "step-000000" / "model.safetensors", "pt") as file:
        assert len(file.keys()) == 2 * 2 * 2  # layers × targets × (A, B)
        assert all("lora_" in name for name in file.keys())  # noqa: SIM118


def test_a_merge_that_changes_logits_is_refused(make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job(adapter=adapter_settings("lora"))
    assert job.adapter is not None
    real = adapters._logits
    drift = iter([0.0, 1.0])
    monkeypatch.setattr(adapters, "_logits", lambda *arguments: real(*arguments) + next(drift))
    with pytest.raises(TandemError, match="Merging the adapter changed the logits"):
        merge(job.adapter, micro_batch(job.packs, [0]))


def test_a_base_that_is_not_fp32_is_not_merged(make_job: Callable[..., Job]) -> None:
    job = make_job(adapter=adapter_settings("lora"))
    assert job.adapter is not None
    job.model.bfloat16()
    with pytest.raises(TandemError, match="merged in fp32"):
        merge(job.adapter, micro_batch(job.packs, [0]))


def test_qlora_is_refused_without_cuda_or_bitsandbytes(
    make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"'qlora', which needs a CUDA device; training is on cpu.*Use lora"):
        make_job(adapter={"type": "qlora"}, device="cpu")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install bitsandbytes"):
        four_bit_config(torch.device("cuda"))


def test_peft_missing_is_named(tiny_model: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="'peft'"):
        attach(tiny_model, None, 0)  # type: ignore[arg-type]
