"""The LiteRT-LM engine over a stand-in for the runtime: counting, stopping, its benchmark's units."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from eval.engines.litertlm_engine import LitertLmEngine
from eval.engines.registry import spec_of
from train.chat import ChatTokenizer
from train.config import Config
from train.errors import UserError
from train.runs import RunFolder


class Engine:
    def __init__(self, path: str, backend: Any, cache_dir: str) -> None:
        assert (Path(path).name, backend, cache_dir) == ("student-int8.litertlm", 1, ":nocache")

    def create_conversation(self, messages: Any, max_output_tokens: int) -> Any:
        history = "".join(turn["content"] for turn in messages or [])
        return SimpleNamespace(send_message=lambda text: (history + text)[:max_output_tokens], close=lambda: None)


class Benchmark:
    def __init__(self, path: str, backend: Any, prefill_tokens: int, decode_tokens: int, cache_dir: str) -> None:
        assert (prefill_tokens, decode_tokens) == (8, 5)

    def run(self) -> Any:
        return SimpleNamespace(time_to_first_token_in_second=0.25, last_decode_tokens_per_second=50.0)


@pytest.fixture
def engine(
    run_folder: RunFolder, tokenizer_folder: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> LitertLmEngine:
    library: Any = ModuleType("litert_lm")
    library.Engine, library.Benchmark = Engine, Benchmark
    library.Backend = SimpleNamespace(CPU=lambda thread_count: thread_count)
    library.LogSeverity, library.set_min_log_severity = SimpleNamespace(ERROR=3), lambda level: None
    monkeypatch.setitem(sys.modules, "litert_lm", library)
    run_folder.mobile.mkdir()
    (run_folder.mobile / "tokenizer.json").write_bytes((tokenizer_folder / "tokenizer.json").read_bytes())
    (run_folder.mobile / "student-int8.litertlm").write_bytes(b"x" * 9)
    engine = LitertLmEngine(spec_of("student-litertlm", run_folder, config, 1))
    engine.load()
    return engine


def test_answers_are_counted_with_the_students_tokenizer(engine: LitertLmEngine, tokenizer_folder: Path) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "hi"}]
    asked = [turns, *([{"role": "user", "content": "x" * length}] for length in (100, 4000))]
    (whole, cut, too_long) = next(engine.answer(asked, 30))
    assert whole.text == "abhi"
    assert whole.stopped
    assert whole.tokens == len(ChatTokenizer.load(tokenizer_folder).text("abhi")) + 1
    assert (cut.stopped, cut.tokens, cut.fits) == (False, 30, True)
    assert (too_long.stopped, too_long.tokens, too_long.fits) == (False, 0, False)


def test_the_runtimes_own_mean_is_the_time_of_each_token(engine: LitertLmEngine) -> None:
    timing = engine.time_request(8, 5)
    assert (timing.ttft_s, timing.per_token_s) == (0.25, [0.02] * 4)
    assert (engine.describe()["bytes"], engine.describe()["dtype"]) == (9, "int8")


def test_missing_bundle_says_what_to_do(run_folder: RunFolder, config: Config) -> None:
    with pytest.raises(UserError, match=r"student-int8\.litertlm: set export\.litertlm to true"):
        LitertLmEngine(spec_of("student-litertlm", run_folder, config, 1)).load()
