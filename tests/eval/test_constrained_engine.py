"""The constrained engine over a model of random logits: whatever it says is a call that tools.json allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.engines.constrained_engine import ConstrainedEngine
from eval.engines.registry import spec_of
from mobile.runtime.constraint import CallConstraint
from train.config import Config
from train.runs import RunFolder

TOOLS = [
    {
        "name": "HassTurnOn",
        "description": "",
        "parameters": {
            "type": "object",
            "properties": {"area": {"type": "string"}, "domain": {"enum": ["light", "fan"]}},
            "required": ["area"],
        },
    }
]


class Noise:
    """mobile.runtime.Model with random logits over the tests' vocabulary."""

    window, vocab_size = 200, 320

    def reset(self) -> None:
        self._random = np.random.default_rng(5)

    def prefill(self, ids: list[int]) -> None:
        assert ids

    def decode(self, token: int) -> Any:
        return self._random.standard_normal(self.vocab_size).astype(np.float32)


class StandIn:
    """mobile.runtime.Chat with a real constraint over that model."""

    def __init__(self, folder: Path, variant: str, threads: int, runner: str, constrain: str) -> None:
        assert (variant, runner) == ("int8", "interpreter")
        self.model = Noise()
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        stop = next(entry["id"] for entry in tokenizer["added_tokens"] if entry["content"] == "<|im_end|>")
        self._made = CallConstraint(TOOLS, tokenizer, 320, [stop], substrings=constrain == "substrings")

    def constraint(self, kind: str) -> CallConstraint:
        return self._made


@pytest.mark.parametrize("ending", ["constrained", "substrings"])
def test_noise_becomes_valid_calls(
    ending: str, run_folder: RunFolder, tokenizer_folder: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobile.runtime.Chat", StandIn)
    run_folder.mobile.mkdir()
    (run_folder.mobile / "tokenizer.json").write_bytes((tokenizer_folder / "tokenizer.json").read_bytes())
    (run_folder.mobile / "student-int8.tflite").write_bytes(b"x")
    engine = ConstrainedEngine(spec_of(f"student-tflite-int8-{ending}", run_folder, config, 1))
    engine.load()
    texts = ["turn on the fan in the hall", "light in the kitchen please"]
    answers = [next(engine.answer([[{"role": "user", "content": text}]], 96))[0] for text in texts]
    for text, answer in zip(texts, answers, strict=True):
        call = json.loads(answer.text)
        assert answer.stopped
        assert call["name"] in ("HassTurnOn", None)
        if call["name"] and ending == "substrings":
            assert call["arguments"]["area"] in text
    assert len(engine.time_request(8, 40).per_token_s) == 39, "a timed request goes on after its call is complete"
