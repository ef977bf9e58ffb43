"""Mixtures of sources: shares by weight, no row twice, the same rows for the same seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from train.config import Config
from train.data.sources import load_rows
from train.errors import UserError


def write(path: Path, name: str, count: int) -> str:
    rows = [{"prompt": f"{name} {n}", "completion": "yes", "id": f"{name}-{n}"} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def mixture(tmp_path: Path, sizes: dict[str, int], weights: dict[str, float]) -> list[dict[str, Any]]:
    return [{"source": write(tmp_path / f"{n}.jsonl", n, sizes[n]), "weight": weights[n]} for n in sizes]


def test_shares_follow_the_weights(make_config: Callable[..., Config], tmp_path: Path) -> None:
    parts = mixture(tmp_path, {"a": 2000, "b": 2000}, {"a": 3.0, "b": 1.0})
    config = make_config(data={"mixture": parts, "train_rows": 1000, "validation_rows": 50})
    found = load_rows(config.data, seed=1)
    rows = found.splits["train"] + found.splits["val"]
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids)) == 1050
    share = sum(name.startswith("a-") for name in ids) / len(ids)
    assert share == pytest.approx(0.75, abs=0.05)  # four standard deviations of 1,050 draws
    assert "A mixture: " in found.card
    assert rows[0]["messages"][1] == {"role": "assistant", "content": "yes"}
    again = load_rows(config.data, seed=1).splits
    assert [row["id"] for row in again["val"] + again["train"]] == [row["id"] for row in found.splits["val"]] + [
        row["id"] for row in found.splits["train"]
    ]


def test_it_ends_with_the_first_part_that_runs_out(make_config: Callable[..., Config], tmp_path: Path) -> None:
    parts = mixture(tmp_path, {"a": 400, "b": 10}, {"a": 1.0, "b": 1.0})
    found = load_rows(make_config(data={"mixture": parts}).data, seed=1).splits
    ids = [row["id"] for row in found["train"] + found["val"]]
    assert len(ids) == len(set(ids))
    assert sum(name.startswith("b-") for name in ids) == 10
    assert len(ids) < 60


def test_the_built_in_set_is_no_part(make_config: Callable[..., Config]) -> None:
    config = make_config(data={"mixture": [{"source": "smart-home"}]})
    with pytest.raises(UserError, match="can't be 'smart-home'"):
        load_rows(config.data, seed=1)
