"""Engines of a few lines that a worker process loads in tests: right, wrong, noisy, crashing, hanging."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval.engines.engine import Answer, EngineSpec, Timing
from train.errors import MissingExtraError, UserError


class Right:
    """Understands the toy rows of tests/conftest.py; wrong on every row whose number divides by `wrong_every`."""

    wrong_every = 0
    seconds = 0.002

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec

    def load(self) -> None:
        print("a framework says hello")
        os.system("echo and so does its C++")

    def answer(self, conversations: list[list[dict[str, Any]]], max_new_tokens: int) -> Iterator[list[Answer]]:
        for start in range(0, len(conversations), 4):
            batch = [conversation[-1]["content"] for conversation in conversations[start : start + 4]]
            self.note(len(batch))
            yield [Answer(self.text(utterance), 5, True) for utterance in batch]

    def note(self, count: int) -> None:
        """Counts the questions that were really asked."""
        with (Path(self.spec.run_path) / f"asked-{self.spec.engine}").open("a") as file:
            file.write("x" * count)

    def text(self, utterance: str) -> str:
        found = re.fullmatch(r"turn (on|off) (\w+) (\d+) in the (.*)", utterance)
        assert found is not None
        state, thing, number, room = found.groups()
        if self.wrong_every and int(number) % self.wrong_every == 0:
            room = "cellar"
        return json.dumps({"arguments": {"domain": thing, "area": room}, "name": f"HassTurn{state.title()}"})

    def time_request(self, n_prompt: int, n_new: int) -> Timing:
        return Timing(10 * self.seconds, [self.seconds] * (n_new - 1))

    def describe(self) -> dict[str, Any]:
        return {"format": "fake", "dtype": "fp32", "bytes": 4_000_000, "params": 1_000_000, "sha256": "f" * 64}


class Half(Right):
    wrong_every = 2
    seconds = 0.001


class ForgetsProbabilities(Right):
    """Answers, but can't say how likely anything is."""

    tokenizer = None

    def prompt(self, conversation: Any) -> list[int]:
        raise UserError("the text does not fit")

    def log_probs(self, ids: list[int], start: int) -> Any:
        raise NotImplementedError


class CrashesAtAnswer(Right):
    def answer(self, conversations: list[list[dict[str, Any]]], max_new_tokens: int) -> Iterator[list[Answer]]:
        yield from super().answer(conversations[:4], max_new_tokens)
        os.write(2, b"segmentation fault, say\n")
        os._exit(9)


class Hangs(Right):
    def answer(self, conversations: list[list[dict[str, Any]]], max_new_tokens: int) -> Iterator[list[Answer]]:
        time.sleep(600)
        yield []


class Missing(Right):
    def load(self) -> None:
        raise UserError("No model at teacher/: run the earlier stages first.")


class Uninstalled(Right):
    def load(self) -> None:
        raise MissingExtraError("onnxruntime", "bench", "The ONNX engine")


class HangsInSpeed(Right):
    def time_request(self, n_prompt: int, n_new: int) -> Timing:
        time.sleep(600)
        return Timing(0.0)


class Raises(Right):
    def time_request(self, n_prompt: int, n_new: int) -> Timing:
        raise RuntimeError("out of memory")
