"""A run folder with toy rows, and the engine ids of the tests answered by fakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from eval.engines import registry
from eval.engines.registry import ENGINES, EngineEntry
from tests.conftest import tiny_config, toy_rows
from train.config import Config
from train.runs import RunFolder

EVAL = {
    "engines": ["teacher-eager", "student-keras"],
    "sets": {"t3": 10, "none": 4},
    "speed_rounds": 3,
    "speed_tokens": 4,
    "speed_prompt": 8,
}


@pytest.fixture
def run_folder(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "tiny")
    run.data.mkdir(parents=True)
    rows = [{**row, "category": json.loads(row["messages"][1]["content"])["name"]} for row in toy_rows(60)]
    for name, part in {"train": rows[30:], "t3": rows[:20], "none": rows[20:30]}.items():
        (run.data / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    return run


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return tiny_config(tmp_path, eval=EVAL)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """fake("teacher-eager", "Half") answers under this id with this class of fake_engine.py."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))

    def replace(engine: str, name: str) -> None:
        old = ENGINES[engine]
        entry = EngineEntry(f"fake_engine:{name}", old.extra, old.parent, old.track)
        monkeypatch.setitem(registry.ENGINES, engine, entry)

    return replace
