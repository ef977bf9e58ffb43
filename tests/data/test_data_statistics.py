"""The statistics that `tandem plan` shows, by hand."""

from __future__ import annotations

from collections.abc import Callable

from train.config import Config
from train.config.load import LoadedConfig
from train.data import STAGE as DATA
from train.data_statistics import histogram, statistics
from train.plan import print_plan
from train.stage import run_stage


def test_statistics_by_hand(make_config: Callable[..., Config]) -> None:
    config = make_config(finetune={"sequence_length": 128, "batch_size": 2, "micro_batch_size": 1, "epochs": 4})
    rows = [([1] * 100, [0] * 75 + [1] * 25), ([1] * 60, [0] * 30 + [1] * 30), ([1] * 20, [1] * 20)]
    found = statistics(rows, config)
    assert found == {
        "rows": 3, "tokens": 180, "supervised_share": round(75 / 180, 4), "packs": 2, "fill": round(180 / 256, 4),
        "steps": 4, "lengths": found["lengths"],
    }  # fmt: skip
    assert found["lengths"]["92-104"] == 1


def test_histogram_counts_every_row_once() -> None:
    assert histogram([1, 2, 3, 16, 16]) == {
        "1-2": 2, "3-4": 1, "5-6": 0, "7-8": 0, "9-10": 0, "11-12": 0, "13-14": 0, "15-16": 2,
    }  # fmt: skip
    assert histogram([3]) == {"1-1": 0, "2-2": 0, "3-3": 1}


def test_the_plan_has_them_once_the_data_is_there(make_config: Callable[..., Config]) -> None:
    config = make_config()
    loaded = LoadedConfig(config, {}, config.runs_dir / "config.yaml")
    assert "data" not in print_plan(loaded, [DATA])
    headline = run_stage(DATA, config)
    found = print_plan(loaded, [DATA])["data"]
    assert (found["rows"], found["tokens"]) == (headline["rows_train"], headline["train_tokens"])
