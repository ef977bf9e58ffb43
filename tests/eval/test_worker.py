"""Workers: answers come through whatever is printed; crashes and hangs are one engine's own."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from eval.client import EngineError, EngineWorker
from eval.engines.registry import check_known, spec_of
from train.config import Config
from train.errors import UserError
from train.runs import RunFolder

ASK = [[{"role": "user", "content": f"turn on fan {number} in the hall"}] for number in range(6)]


def worker(run: RunFolder, config: Config, limit_s: float = 60) -> EngineWorker:
    return EngineWorker(spec_of("teacher-eager", run, config, 1), limit_s)


def test_prints_of_the_framework_do_not_reach_the_protocol(
    fake: Callable[..., None], run_folder: RunFolder, config: Config
) -> None:
    fake("teacher-eager", "Right")
    with worker(run_folder, config) as engine:
        assert engine.load() >= 0
        answers = [answer for batch in engine.answer(ASK, 8) for answer in batch]
        assert len(answers) == 6
        assert "HassTurnOn" in answers[5].text
        timing = engine.time(8, 4)
        assert (timing.ttft_s, len(timing.per_token_s)) == (0.02, 3)
        artifact, memory = engine.describe()
    assert artifact["bytes"] == 4_000_000
    assert 5e6 < memory < 1e9


def test_memory_is_the_workers_own(fake: Callable[..., None], run_folder: RunFolder, config: Config) -> None:
    """getrusage would answer at least the parent's peak: ru_maxrss survives exec."""
    fake("teacher-eager", "Right")
    ballast = bytearray(b"x") * 600_000_000
    with worker(run_folder, config) as engine:
        engine.load()
        _, memory = engine.describe()
    assert memory < len(ballast)


def test_crash_is_a_failure_with_its_last_words(
    fake: Callable[..., None], run_folder: RunFolder, config: Config
) -> None:
    fake("teacher-eager", "CrashesAtAnswer")
    with worker(run_folder, config) as engine:
        engine.load()
        with pytest.raises(EngineError, match=r"status 9 during 'answer'.*segmentation fault, say"):
            list(engine.answer(ASK, 8))
        with pytest.raises(EngineError, match="status 9"):
            engine.time(1, 1)


def test_hang_is_ended_by_the_limit(fake: Callable[..., None], run_folder: RunFolder, config: Config) -> None:
    fake("teacher-eager", "Hangs")
    start = time.monotonic()
    with worker(run_folder, config, 3.0) as engine:
        engine.load()
        with pytest.raises(EngineError, match="no reply to 'answer' within 3 s"):
            list(engine.answer(ASK, 8))
    assert time.monotonic() - start < 30


def test_users_mistake_keeps_its_message(fake: Callable[..., None], run_folder: RunFolder, config: Config) -> None:
    fake("teacher-eager", "Missing")
    with worker(run_folder, config) as engine, pytest.raises(EngineError, match="run the earlier stages first"):
        engine.load()


def test_unknown_engine_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"teacher-egaer.*Did you mean 'teacher-eager'.*student-tflite-int8"):
        check_known(["teacher-egaer"])
