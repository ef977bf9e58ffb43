"""The linear baseline as an engine: trained once for the same rows, again for others; time without tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.engines.linear_engine import LinearEngine
from eval.engines.registry import spec_of
from tests.conftest import toy_rows
from train.config import Config
from train.errors import UserError
from train.metrics import parse_call
from train.runs import RunFolder


def files(run: RunFolder) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in run.eval.glob("baseline-linear-*.npz")}


def test_trains_once_for_the_same_rows(run_folder: RunFolder, config: Config) -> None:
    spec = spec_of("baseline-linear", run_folder, config, 1)
    engine = LinearEngine(spec)
    engine.load()
    first = files(run_folder)
    assert len(first) == 1
    again = LinearEngine(spec)
    again.load()
    assert files(run_folder) == first
    conversations = [row["messages"][:1] for row in toy_rows(3, seed=5)]
    answers = [answer for batch in again.answer(conversations, 8) for answer in batch]
    assert answers == [answer for batch in engine.answer(conversations, 8) for answer in batch]
    assert all(answer.stopped and parse_call(answer.text) is not None for answer in answers)
    timing = again.time_request(32, 32)
    assert timing.ttft_s > 0
    assert timing.per_token_s == []
    assert again.describe()["bytes"] == Path(run_folder.eval / next(iter(first))).stat().st_size

    data = run_folder.data / "train.jsonl"
    data.write_text("\n".join(data.read_text().splitlines()[:-2]) + "\n")
    LinearEngine(spec).load()
    assert len(files(run_folder)) == 1
    assert files(run_folder).keys() != first.keys()


def test_rows_that_are_no_calls_are_refused_by_name(run_folder: RunFolder, config: Config) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"red {n}"}, {"role": "assistant", "content": "#FF0000"}]}
        for n in range(9)
    ]
    (run_folder.data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match="Leave 'baseline-linear' out"):
        LinearEngine(spec_of("baseline-linear", run_folder, config, 1)).load()
