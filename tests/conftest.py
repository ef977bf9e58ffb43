"""Shared fakes: rows of a toy job, a tokenizer trained on them, a tiny config."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from train.config import Config
from train.config.schema import LlamaShape
from train.data.build import write_tokenizer

# Tiny models on two threads mostly wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

Row = dict[str, Any]


def toy_rows(count: int, seed: int = 0) -> list[Row]:
    """Commands with answers of several lengths, all different."""
    rng = random.Random(seed)
    rooms, things = ("kitchen", "hall", "attic", "very small upstairs bathroom"), ("light", "fan", "blind")
    rows = []
    for number in range(count):
        room, thing, state = rng.choice(rooms), rng.choice(things), rng.choice(("on", "off"))
        call = {"name": f"HassTurn{state.title()}", "arguments": {"area": room, "domain": thing}}
        messages = [
            {"role": "user", "content": f"turn {state} {thing} {number} in the {room}"},
            {"role": "assistant", "content": json.dumps(call, separators=(",", ":"))},
        ]
        rows.append({"messages": messages, "id": f"toy-{number:04d}"})
    return rows


TINY = LlamaShape(
    hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2
)


def tiny_config(runs_dir: Path, **sections: dict[str, Any]) -> Config:
    """A config whose stages take about a second each."""
    values: dict[str, Any] = {
        "name": "tiny",
        "runs_dir": runs_dir,
        "model": {"source": "random", "sha256": None, "vocab_size": 320, "shape": TINY.model_dump()},
        "data": {"source": str(runs_dir / "rows.jsonl"), "validation_rows": 8},
        "finetune": {
            "epochs": 2,
            "batch_size": 4,
            "micro_batch_size": 4,
            "learning_rate": 3e-3,
            "precision": "fp32",  # on every machine: tests compare to rounding
            "compile": "off",
            "eval_every": 10,
            "save_every": 5,
        },
        "track": {"wandb": "off"},
    }
    for section, keys in sections.items():
        values[section] = values.get(section, {}) | keys
    return Config.model_validate(values)


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., Config]:
    """Makes a tiny config whose rows are written to a file."""
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in toy_rows(80)))

    def make(**sections: dict[str, Any]) -> Config:
        return tiny_config(tmp_path, **sections)

    return make


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level BPE tokenizer of 320 tokens."""
    folder = tmp_path_factory.mktemp("tokenizer") / "tokenizer"
    write_tokenizer(tiny_config(folder), toy_rows(80), folder)
    return folder
