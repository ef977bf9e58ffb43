"""A run folder of a few rows: byte-level tokenizer, random teacher, no library beyond tokenizers in this process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from train.config.schema import Config
from train.runs import RunFolder

TEACHER = """
import sys, torch
from transformers import LlamaConfig, LlamaForCausalLM
torch.manual_seed(0)
config = LlamaConfig(vocab_size=int(sys.argv[2]), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
    num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=True, initializer_range=0.3)
LlamaForCausalLM(config).save_pretrained(sys.argv[1])
"""


def write_tokenizer(folder: Path) -> int:
    """A byte-level tokenizer without merges; returns its vocabulary size."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return int(tokenizer.get_vocab_size())


def write_rows(path: Path, count: int) -> None:
    """Rows of different lengths."""
    lines = []
    for i in range(count):
        messages = [
            {"role": "user", "content": "on " * (i % 5 + 1)},
            {"role": "assistant", "content": "x" * (i % 7 + 1)},
        ]
        lines.append(json.dumps({"messages": messages, "id": f"row-{i}"}))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config.model_validate(
        {"name": "fake", "runs_dir": tmp_path, "distill": {"top_k": 8, "temperature": 2.0}, "track": {"wandb": "off"}}
    )


@pytest.fixture(scope="session")
def template_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data/ and teacher/, made once."""
    path = tmp_path_factory.mktemp("runs") / "fake"
    vocab_size = write_tokenizer(path / "data" / "tokenizer")
    write_rows(path / "data" / "train.jsonl", 30)
    subprocess.run([sys.executable, "-c", TEACHER, str(path / "teacher"), str(vocab_size)], check=True)
    return path


@pytest.fixture
def run(template_run: Path, tmp_path: Path) -> RunFolder:
    shutil.copytree(template_run, tmp_path / "fake")
    return RunFolder(tmp_path / "fake")
