"""What every engine can do, and what those that generate tokens have in common.

An engine turns conversations into answers, times itself, and describes its artifact. It lives in a worker process,
imports its framework only in `load`, and never sees the expected answers.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from safetensors import safe_open

from train.atomic import sha256_file, sha256_json
from train.chat import ChatTokenizer, Message
from train.config.schema import Config
from train.errors import UserError
from train.runs import RunFolder


@dataclass(frozen=True)
class EngineSpec:
    """Everything an engine is made from; travels to the worker as JSON."""

    engine: str
    entry: str  # "module:class" of the engine
    run_path: str
    config: dict[str, Any]  # the whole Config as JSON
    threads: int
    device: str = "cpu"  # "auto" takes a GPU where there is one: for quality only, speed is compared on the CPU
    environment: dict[str, str] = field(default_factory=dict)  # variables of the worker, set before any import

    @property
    def run(self) -> RunFolder:
        return RunFolder(Path(self.run_path))

    def parsed_config(self) -> Config:
        return Config.model_validate(self.config)


@dataclass(frozen=True)
class Answer:
    """One generated answer."""

    text: str
    tokens: int  # generated, the stop token included; 0 for engines without tokens
    stopped: bool  # ended by its stop token, not by the limit
    fits: bool = True  # False: the prompt is longer than the engine's window, so nothing was asked


TOO_LONG = Answer("", 0, False, fits=False)


@dataclass(frozen=True)
class Timing:
    """One timed request, seconds. `per_token` is empty for an engine that answers in one piece."""

    ttft_s: float
    per_token_s: list[float] = field(default_factory=list)


class Engine(Protocol):
    """One artifact that answers."""

    def __init__(self, spec: EngineSpec) -> None: ...

    def load(self) -> None:
        """Imports the framework and reads the artifact. Raises UserError where it is missing."""

    def answer(self, conversations: Sequence[Sequence[Message]], max_new_tokens: int) -> Iterator[list[Answer]]:
        """Answers in order, batch by batch; each conversation ends with a user's message."""

    def time_request(self, n_prompt: int, n_new: int) -> Timing:
        """One request of `n_prompt` tokens answered with exactly `n_new` tokens, whatever they are."""

    def describe(self) -> dict[str, Any]:
        """format, dtype, bytes, params, sha256 of the artifact."""


class TokenEngine(ABC):
    """An engine with a tokenizer that continues token ids greedily. Subclasses set `tokenizer` in `load`."""

    tokenizer: ChatTokenizer
    window: int | None = None  # tokens of prompt and answer that it holds; None: no fixed limit

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec
        self.config = spec.parsed_config()
        self.batch_size = self.config.eval.batch_size

    @abstractmethod
    def load(self) -> None: ...

    @abstractmethod
    def generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        """New ids of each prompt, greedy, up to and including the stop id or `max_new_tokens` of them."""

    @abstractmethod
    def time_prefill(self, n_prompt: int) -> float:
        """Seconds from a prompt of `n_prompt` tokens to the first new token, batch of one, empty cache."""

    @abstractmethod
    def time_decode(self, n_prompt: int, n_new: int) -> tuple[float, list[float]]:
        """Seconds to the first token, then seconds of each of the `n_new - 1` further tokens, batch of one."""

    @abstractmethod
    def describe(self) -> dict[str, Any]: ...

    def prompt(self, conversation: Sequence[Message]) -> list[int]:
        return self.tokenizer.prompt(conversation)

    def answer(self, conversations: Sequence[Sequence[Message]], max_new_tokens: int) -> Iterator[list[Answer]]:
        for start in range(0, len(conversations), self.batch_size):
            prompts = [self.prompt(conversation) for conversation in conversations[start : start + self.batch_size]]
            fitting = [prompt for prompt in prompts if self._fits(prompt)]
            found = iter(self.generate(fitting, max_new_tokens) if fitting else [])
            yield [self._as_answer(next(found)) if self._fits(prompt) else TOO_LONG for prompt in prompts]

    def time_request(self, n_prompt: int, n_new: int) -> Timing:
        self.time_prefill(n_prompt)  # not counted: the engines whose turn was before have emptied the caches
        return Timing(*self.time_decode(n_prompt, n_new))

    def _fits(self, prompt: Sequence[int]) -> bool:
        return self.window is None or len(prompt) <= self.window

    def _as_answer(self, ids: list[int]) -> Answer:
        stopped = bool(ids) and ids[-1] == self.tokenizer.stop_id
        return Answer(self.tokenizer.decode(ids[:-1] if stopped else ids), len(ids), stopped)


def until_stop(ids: Sequence[int], stop_id: int) -> list[int]:
    """The ids up to and including the first stop id."""
    found = list(ids)
    return found[: found.index(stop_id) + 1] if stop_id in found else found


def timing_prompt(n: int, vocab_size: int) -> list[int]:
    """`n` ids spread over the vocabulary, always the same: speed does not depend on what they say."""
    return [(position * 7919 + 11) % vocab_size for position in range(n)]


def describe_files(paths: Sequence[Path], format_name: str, dtype: str, params: int | None) -> dict[str, Any]:
    """Description of an artifact kept in one or more files; several files have the hash of their hashes."""
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} is missing: run the stage that makes it first.")
    hashes = [sha256_file(path) for path in paths]
    return {
        "format": format_name,
        "dtype": dtype,
        "bytes": sum(path.stat().st_size for path in paths),
        "params": params,
        "sha256": hashes[0] if len(hashes) == 1 else sha256_json(hashes),
    }


def count_params(folder: Path) -> int | None:
    """Weights of a Hugging Face folder, from its safetensors headers (a tied table is stored once); None without."""
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "numpy") as file:
            total += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return total or None


def now() -> float:
    return time.perf_counter()
