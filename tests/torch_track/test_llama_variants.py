"""Llama-style models of other make: loaded, packed and saved they have the logits of plain transformers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from train.config import Config
from train.config.schema import ModelConfig
from train.data import STAGE as DATA
from train.data.build import copy_tokenizer
from train.runs import open_run
from train.stage import run_stage
from train.torch_track import STAGE as FINETUNE
from train.torch_track.loss import SummedLoss
from train.torch_track.model import load_trainable
from train.torch_track.packing import micro_batch, pack_rows

VARIANTS: dict[str, dict[str, Any]] = {
    "untied": {"tie_word_embeddings": False},
    "llama3-rope": {
        "rope_parameters": {
            "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 16,
        }
    },
    "biased": {"attention_bias": True, "mlp_bias": True},
    "wide-heads": {"head_dim": 16, "num_key_value_heads": 1},
}  # fmt: skip
ROWS = [([5, 6, 7, 8, 9], [0, 0, 1, 1, 0]), (list(range(10, 30)), [0] + [1] * 19)]


def base(folder: Path, tokenizer: Path, variant: dict[str, Any]) -> LlamaForCausalLM:
    """A random model of that make with the tokenizer, as a Hugging Face folder."""
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    settings: dict[str, Any] = (
        {"vocab_size": 320, "tie_word_embeddings": True, "num_key_value_heads": 2} | shape | variant
    )
    torch.manual_seed(3)
    model = LlamaForCausalLM(LlamaConfig(**settings))
    with torch.no_grad():  # biases start at zero, which would hide that they are dropped
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()
    model.save_pretrained(folder)
    copy_tokenizer(tokenizer, folder)
    return model.eval()


@pytest.mark.parametrize("name", VARIANTS)
def test_packed_states_are_those_of_plain_transformers(tmp_path: Path, tokenizer_folder: Path, name: str) -> None:
    plain = base(tmp_path / "base", tokenizer_folder, VARIANTS[name])
    source = ModelConfig(source=str(tmp_path / "base"), sha256=None)
    module = SummedLoss(load_trainable(source, tokenizer_folder, seed=0)).eval()
    batch = micro_batch(pack_rows(ROWS, 32, pad_id=0), [0])
    with torch.no_grad():
        logits = module.model.lm_head(module.hidden(batch))[0]
        longest_first = [plain(input_ids=torch.tensor([ids])).logits[0] for ids, _ in reversed(ROWS)]
    torch.testing.assert_close(logits[:25], torch.cat(longest_first), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_teacher_keeps_its_make(
    make_config: Callable[..., Config], tmp_path: Path, tokenizer_folder: Path, name: str
) -> None:
    plain = base(tmp_path / "base", tokenizer_folder, VARIANTS[name])
    source = {"source": str(tmp_path / "base"), "sha256": None, "shape": None}
    config = make_config(model=source, data={"trim_vocabulary": True}, finetune={"rows": 16, "epochs": 1})
    run_stage(DATA, config)
    run_stage(FINETUNE, config)
    run = open_run(config)
    teacher = AutoModelForCausalLM.from_pretrained(run.teacher)
    for key, value in VARIANTS[name].items():
        assert getattr(teacher.config, key) == value, key
    kept = json.loads((run.data / "tokenizer" / "kept_ids.json").read_text())
    assert teacher.config.vocab_size == len(kept)
    before, after = dict(plain.named_parameters()), dict(teacher.named_parameters())
    assert set(before) == set(after)
    for parameter, value in after.items():
        old = (
            before[parameter][kept]
            if parameter in ("model.embed_tokens.weight", "lm_head.weight")
            else before[parameter]
        )
        assert old.shape == value.shape
        assert not torch.equal(old, value), f"{parameter} was not trained"
