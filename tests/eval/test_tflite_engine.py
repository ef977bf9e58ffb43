"""The engine of exported files over a stand-in for the runtime, whose next token is a sum of all it has read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.engines.registry import spec_of
from eval.engines.tflite_engine import TfliteEngine
from train.config import Config
from train.errors import UserError
from train.runs import RunFolder

WINDOW = 12


class StandIn:
    """mobile.runtime.Model: the logits' peak is (sum of all ids read) mod 100, so a lost or doubled id shows."""

    def __init__(self, path: Path, threads: int = 1, runner: str = "interpreter") -> None:
        self.runner = runner
        assert path.name == "student-int8.tflite"
        self.window = WINDOW
        self.reset()

    def reset(self) -> None:
        self.read: list[int] = []

    def prefill(self, ids: list[int]) -> None:
        self.read += ids

    def decode(self, token: int) -> Any:
        assert len(self.read) < self.window, "the real one raises ContextFullError"
        self.read.append(token)
        return np.eye(100)[sum(self.read) % 100]


@pytest.fixture
def engine(
    run_folder: RunFolder, tokenizer_folder: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> TfliteEngine:
    monkeypatch.setattr("mobile.runtime.Model", StandIn)
    run_folder.mobile.mkdir()
    shutil.copy(tokenizer_folder / "tokenizer.json", run_folder.mobile)
    (run_folder.mobile / "student-int8.tflite").write_bytes(b"x" * 50)
    engine = TfliteEngine(spec_of("student-tflite-int8", run_folder, config, 1))
    engine.load()
    return engine


def test_prompts_are_read_once_and_apart(engine: TfliteEngine) -> None:
    engine.tokenizer.stop_id = 48
    # 1+2+3 = 6, then the sum doubles: 12, 24, 48 (stop); the second prompt starts from nothing.
    assert engine.generate([[1, 2, 3], [5], [1, 2, 3]], 8) == [
        [6, 12, 24, 48],
        [5, 10, 20, 40, 80, 60, 20, 40],
        [6, 12, 24, 48],
    ]
    assert engine.generate([[1, 2, 3]], 2) == [[6, 12]]


def test_full_window_is_an_answer_that_did_not_stop(engine: TfliteEngine) -> None:
    engine.tokenizer.stop_id = 99
    assert len(engine.generate([[2] * 10], 50)[0]) == 3  # places 11 and 12, and the token after the last
    assert len(engine.generate([[2] * WINDOW], 50)[0]) == 1
    assert engine.generate([[2] * (WINDOW + 1)], 50) == [[]]


def test_timing_and_description(engine: TfliteEngine) -> None:
    timing = engine.time_request(4, 6)
    assert len(timing.per_token_s) == 5
    found = engine.describe()
    assert (found["format"], found["dtype"], found["bytes"]) == ("tflite", "int8", 50)


def test_missing_file_says_what_to_do(run_folder: RunFolder, config: Config) -> None:
    with pytest.raises(UserError, match=r"add 'fp32' to export\.variants"):
        TfliteEngine(spec_of("student-tflite-fp32", run_folder, config, 1)).load()


def test_ending_chooses_the_runner_and_not_the_file(
    run_folder: RunFolder, tokenizer_folder: Path, config: Config, engine: TfliteEngine
) -> None:
    compiled = TfliteEngine(spec_of("student-tflite-int8-cm", run_folder, config, 1))
    compiled.load()
    assert (engine._model.runner, compiled._model.runner) == ("interpreter", "compiled")
    assert compiled.describe() == engine.describe()


@pytest.mark.parametrize("kind", ["", "-cm", "-constrained", "-substrings"])
def test_an_engine_id_names_its_file(run_folder: RunFolder, config: Config, kind: str) -> None:
    variant = "int4"
    engine = TfliteEngine(spec_of(f"student-tflite-{variant}{kind}", run_folder, config, 1))
    assert engine.path().name == "student-int4.tflite"
