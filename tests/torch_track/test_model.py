"""The trimmed model is the base, seen through fewer tokens; the teacher is a plain Hugging Face folder."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from tests.conftest import toy_rows
from train.chat import ChatTokenizer
from train.config import Config
from train.config.schema import ModelConfig
from train.data import STAGE as DATA
from train.errors import UserError
from train.runs import open_run
from train.stage import run_stage
from train.torch_track import STAGE as FINETUNE
from train.torch_track.embedding import keep_vocabulary
from train.torch_track.model import load_trainable, planned_shape


def test_kept_tokens_have_the_logits_of_the_base(tiny_model: LlamaForCausalLM) -> None:
    kept = [0, 3, 7, 100, 200, 300]
    trimmed = copy.deepcopy(tiny_model)
    keep_vocabulary(trimmed, kept)
    with torch.no_grad():
        full = tiny_model(input_ids=torch.tensor([[3, 100, 300]])).logits
        cut = trimmed(input_ids=torch.tensor([[1, 3, 5]])).logits
    assert cut.shape == (1, 3, len(kept))
    torch.testing.assert_close(cut, full[..., kept])
    assert trimmed.lm_head.weight is trimmed.model.embed_tokens.weight
    assert trimmed.config.vocab_size == len(kept)


def test_rows_that_no_token_has_are_left_out(
    tiny_model: LlamaForCausalLM, tokenizer_folder: Path, tmp_path: Path
) -> None:
    """Of embeddings that were padded to a round number; the logit cache and the student know the tokens alone."""
    tokens = ChatTokenizer.load(tokenizer_folder).vocab_size
    padded = copy.deepcopy(tiny_model)
    padded.resize_token_embeddings(tokens + 64, mean_resizing=False)
    padded.save_pretrained(tmp_path)
    shutil.copy(tokenizer_folder / "tokenizer.json", tmp_path)
    source = ModelConfig(source=str(tmp_path), sha256=None)
    loaded, planned = load_trainable(source, tokenizer_folder, seed=0), planned_shape(source, tokenizer_folder)
    assert planned is not None
    assert loaded.config.vocab_size == len(loaded.lm_head.weight) == planned.vocab_size == tokens
    torch.testing.assert_close(loaded.lm_head.weight, padded.lm_head.weight[:tokens])


def test_teacher_loads_in_plain_transformers(make_config: Callable[..., Config]) -> None:
    config = make_config(finetune={"epochs": 6})
    run_stage(DATA, config)
    headline = run_stage(FINETUNE, config)
    run = open_run(config)
    assert headline["steps"] == headline["planned_steps"]
    model = AutoModelForCausalLM.from_pretrained(run.teacher)
    tokenizer = AutoTokenizer.from_pretrained(run.teacher)
    messages = toy_rows(1)[0]["messages"]
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    ids, mask = ChatTokenizer.load(run.data / "tokenizer").encode(messages)
    assert tokenizer(text, add_special_tokens=False).input_ids == ids
    labels = torch.tensor([[i if m else -100 for i, m in zip(ids, mask, strict=True)]])
    loss = float(model(input_ids=torch.tensor([ids]), labels=labels).loss.detach())
    assert loss < 3.5  # 320 tokens: a model that has learnt nothing has ln 320 = 5.8
    assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|im_end|>")


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"model_type": "llama", "hidden_size": 0}', '{"model_type": "llama", "vocab_size": "x"}']
)
def test_a_base_whose_config_is_damaged_is_refused(tmp_path: Path, tokenizer_folder: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    shutil.copy(tokenizer_folder / "tokenizer.json", tmp_path)
    save_file({"weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    source = ModelConfig(source=str(tmp_path), sha256=None)
    with pytest.raises(UserError, match=r"(can't be loaded|is damaged) \("):
        load_trainable(source, tokenizer_folder, seed=0)


def test_a_base_that_is_not_llama_is_refused(tmp_path: Path, tokenizer_folder: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    (tmp_path / "tokenizer.json").write_text((tokenizer_folder / "tokenizer.json").read_text())
    save_file({"weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="'gpt2' model"):
        load_trainable(ModelConfig(source=str(tmp_path), sha256=None), tokenizer_folder, seed=0)
