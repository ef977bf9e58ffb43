"""QLoRA on real bitsandbytes. It is refused on a CPU, where four bits are slow; here the refusal alone is lifted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from tests.conftest import TINY
from train.chat import ChatTokenizer
from train.config import Config
from train.data import STAGE as DATA
from train.runs import StageContext, open_run
from train.stage import run_stage
from train.torch_track import finetune, job
from train.torch_track.adapter import four_bit_config
from train.torch_track.loop import train
from train.torch_track.model import random_model
from train.torch_track.validation import validate
from train.tracking import Tracker

bitsandbytes = pytest.importorskip("bitsandbytes", reason="needs bitsandbytes")
IDS = torch.randint(0, 300, (2, 24), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def base(tmp_path: Path, tokenizer_folder: Path) -> Path:
    """A Llama as people download it: fp32, with more weights a matrix than one block of four-bit ones has (64)."""
    folder = tmp_path / "base"
    shape = TINY.model_copy(update={"hidden_size": 64, "intermediate_size": 128})
    random_model(shape, ChatTokenizer.load(tokenizer_folder), seed=3).save_pretrained(folder)
    for file in tokenizer_folder.glob("*.json"):
        shutil.copy(file, folder)
    return folder


@pytest.fixture
def context(
    make_config: Callable[..., Config], base: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., StageContext]:
    monkeypatch.setattr(job, "four_bit_config", lambda device: four_bit_config(torch.device("cuda")))
    # Else a first pass without gradient packs the weights for another kernel, which later steps then round by.
    monkeypatch.setattr(bitsandbytes.nn.modules, "has_avx512bf16", lambda: False)

    def make(**keys: Any) -> StageContext:
        adapter = {"type": "qlora", "r": 8, "alpha": 16, "targets": ["q_proj", "v_proj", "down_proj"]}
        config = make_config(model={"source": str(base), "shape": None}, finetune={"adapter": adapter, **keys})
        run_stage(DATA, config)
        run = open_run(config)
        return StageContext(config, run, "fingerprint", Tracker(None, "finetune"), run.path / "checkpoints")

    return make


def test_four_bits_learn_and_the_teacher_is_a_plain_model(context: Callable[..., StageContext], base: Path) -> None:
    """The adapter is trained on four bits and merged into the fp32 base: peft alone gives the same logits."""
    import peft

    made = context()
    start = job.prepare(made)
    matrices = [p for name, p in start.model.named_parameters() if name.endswith("proj.base_layer.weight")]
    assert matrices
    assert all(isinstance(p, bitsandbytes.nn.Params4bit) and not p.requires_grad for p in matrices)
    before = validate(start)["loss"]
    figures = finetune.run(made)
    assert figures["val_loss"] < before - 0.1
    teacher = LlamaForCausalLM.from_pretrained(made.run.teacher).eval()
    assert {p.dtype for p in teacher.parameters()} == {torch.float32}
    assert getattr(teacher.config, "quantization_config", None) is None
    plain = LlamaForCausalLM.from_pretrained(base)
    plain.resize_token_embeddings(teacher.config.vocab_size)
    adapted: Any = peft.PeftModel.from_pretrained(plain, str(made.run.path / "teacher-adapter"))
    with torch.no_grad():
        found, expected = teacher(input_ids=IDS).logits, adapted.eval()(input_ids=IDS).logits
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_stopped_training_goes_on(context: Callable[..., StageContext]) -> None:
    whole = job.prepare(context())
    train(whole)
    expected = {name: p.detach().clone() for name, p in whole.model.named_parameters() if p.requires_grad}
    steps = whole.state.total_steps
    for folder in sorted(whole.context.checkpoints.glob("step-*"))[1:]:
        shutil.rmtree(folder)  # as if it had been killed after the first one
    again = job.prepare(whole.context)
    assert 0 < again.state.step < steps
    train(again)
    for name, p in again.model.named_parameters():
        if name in expected:
            torch.testing.assert_close(p, expected[name], rtol=0, atol=0)
