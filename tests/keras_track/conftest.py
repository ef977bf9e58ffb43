"""A run folder with a byte-level tokenizer, a few rows and a logit cache of random distributions; no framework."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from train.chat import ChatTokenizer
from train.config.schema import Config
from train.distill.cache_writer import CacheWriter
from train.distill.logit_cache import CacheEntry, cache_key
from train.distill.supervised import read_supervised
from train.runs import RunFolder

CACHED_ROWS = 50  # of 60


def write_tokenizer(folder: Path) -> None:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))


def write_rows(path: Path, count: int) -> None:
    lines = []
    for i in range(count):
        messages = [
            {"role": "user", "content": "on " * (i % 5 + 1)},
            {"role": "assistant", "content": "x" * (i % 7 + 1)},
        ]
        lines.append(json.dumps({"messages": messages, "id": f"row-{i}"}))
    path.write_text("\n".join(lines) + "\n")


def write_cache(run: RunFolder, config: Config) -> None:
    tokenizer = ChatTokenizer.load(run.data / "tokenizer")
    rng = np.random.default_rng(0)
    entries = []
    for row in read_supervised(run.data / "train.jsonl", tokenizer, CACHED_ROWS):
        x = rng.normal(size=(len(row.labels), tokenizer.vocab_size))
        logprobs = x - np.log(np.exp(x).sum(-1, keepdims=True))
        ids = np.argsort(-logprobs, -1)[:, : config.distill.top_k]
        lse = np.stack([np.log(np.exp(logprobs / t).sum(-1)) for t in (1.0, config.distill.temperature)], -1)
        entries.append(CacheEntry(ids, np.take_along_axis(logprobs, ids, -1), lse))
    writer = CacheWriter(run.path / "work", cache_key(run, tokenizer, config.distill), tokenizer.vocab_size, {})
    writer.add(range(CACHED_ROWS), entries, seconds=1.0)
    writer.finish(run.logits)


def fake_config(runs_dir: Path) -> Config:
    return Config.model_validate(
        {
            "name": "fake",
            "seed": 3,
            "runs_dir": runs_dir,
            "data": {"max_length": 64},
            "distill": {
                "top_k": 4, "epochs": 2.0, "batch_size": 8, "buckets": [40, 64], "learning_rate": 3e-3,
                "warmup_steps": 2, "eval_every": 6, "eval_rows": 10, "save_every": 5,
            },
            "student": {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 4,
                        "num_key_value_heads": 2},
            "track": {"wandb": "off"},
        }
    )  # fmt: skip


def fake_run(config: Config) -> RunFolder:
    run = RunFolder(config.runs_dir / config.name)
    write_tokenizer(run.data / "tokenizer")
    write_rows(run.data / "train.jsonl", 60)
    write_rows(run.data / "val.jsonl", 10)
    write_cache(run, config)
    return run


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return fake_config(tmp_path)


@pytest.fixture
def run(config: Config) -> RunFolder:
    return fake_run(config)
