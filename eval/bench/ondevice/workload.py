"""The sizes of a request, and where its model is: workload.json in the benchmark's folder.

Read by the contestants' processes too, whose memory is measured: standard library only.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SMALL_BUCKET = 8  # beside the prompt's own: LiteRT-LM wants one for prompts near the window's end


@dataclass(frozen=True)
class OndeviceWorkload:
    """Args:
    model: folder in Hugging Face's form: config.json, *.safetensors, tokenizer.json.
    source: what the user named, for the result file.
    prompt: tokens read before the first new one.
    new: tokens generated.
    window: KV cache of the exported files, in tokens.
    """

    model: str
    source: str
    prompt: int = 64
    new: int = 32
    window: int = 512

    @property
    def buckets(self) -> list[int]:
        return sorted({SMALL_BUCKET, self.prompt})

    def ids(self, vocab_size: int) -> list[int]:
        """The prompt: ids spread over the vocabulary. Speed does not depend on what they say."""
        return [(position * 7919 + 11) % vocab_size for position in range(self.prompt)]


def write_workload(folder: Path, workload: OndeviceWorkload) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "workload.json").write_text(json.dumps(asdict(workload), indent=2), encoding="utf-8")


def read_workload(folder: Path) -> OndeviceWorkload:
    return OndeviceWorkload(**json.loads((folder / "workload.json").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Commands:
    """Prompts that a model was trained for: commands.json in the benchmark's folder.

    Args:
        prompts: ids, the start of the answer included.
        stop: id that ends an answer.
        limit: tokens of an answer, at most.
    """

    prompts: list[list[int]]
    stop: int
    limit: int


def write_commands(folder: Path, commands: Commands) -> None:
    (folder / "commands.json").write_text(json.dumps(asdict(commands)), encoding="utf-8")


def read_commands(folder: Path) -> Commands:
    return Commands(**json.loads((folder / "commands.json").read_text(encoding="utf-8")))


def model_config(workload: OndeviceWorkload) -> dict[str, Any]:
    """config.json of the model."""
    config: dict[str, Any] = json.loads((Path(workload.model) / "config.json").read_text(encoding="utf-8"))
    return config


def cache_bytes(config: dict[str, Any], positions: float, itemsize: int) -> int:
    """Bytes of keys and values of all layers for `positions` tokens."""
    heads = int(config["num_attention_heads"])
    head_dim = int(config.get("head_dim") or config["hidden_size"] // heads)
    groups = int(config.get("num_key_value_heads") or heads)
    return round(2 * int(config["num_hidden_layers"]) * groups * head_dim * positions * itemsize)
