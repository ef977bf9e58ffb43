"""The benchmark of trainers: figures from raw values by hand, and other token ids are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.bench.rounds import Running
from eval.bench.train_speed import results_of
from train.errors import TandemError

WORK: Any = None  # entries without a process: only their figures are looked at


def running(seconds: list[float], supervised: int, digest: str = "a", error: str | None = None) -> Running:
    facts = {"supervised": 10, "sha256": digest}
    return Running(
        WORK, 1.0, {"facts": facts}, {"seconds": seconds, "supervised": [supervised] * len(seconds)}, 10**8, error
    )


def test_ratio_of_supervised_tokens_a_second() -> None:
    found, digest = results_of(
        {"trl-default": running([4.0, 2.0, 4.0], 100), "tandem": running([2.0, 1.0, 2.0], 150),
         "hf-trainer": running([1.0], 100, error="no memory")}
    )  # fmt: skip
    baseline, tandem, failed = found
    assert (baseline.tokens_per_s, tandem.tokens_per_s) == (25.0, 75.0)
    assert tandem.ratio is not None
    assert (tandem.ratio.value, tandem.ratio.low, tandem.ratio.high) == pytest.approx((3.0, 3.0, 3.0))
    assert (failed.status, failed.error) == ("failed", "no memory")
    assert digest["digest"]["sha256"] == "a"


def test_other_token_ids_are_refused() -> None:
    with pytest.raises(TandemError, match="same supervised token ids"):
        results_of({"trl-default": running([1.0], 100), "tandem": running([1.0], 100, "b")})


def test_the_digest_is_one_of_tokens_not_of_batches() -> None:
    pytest.importorskip("torch", reason="extra torch")
    from eval.bench.trainers import labels_digest

    one = labels_digest([np.array([[5, -100, 6], [7, 7, -100]])], 9)
    assert one == labels_digest([np.array([7]), np.array([-100, 6, 5, 7, -100])], 9)
    assert one["supervised"] == 4
    assert one != labels_digest([np.array([5, 6, 7, 8])], 9)
