"""Memory of the student's logits: counts by hand; a step's own arrays were measured (the module says how)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from train.keras_track import logits_memory
from train.keras_track.logits_memory import LargestLogits, largest_logits, too_large


def test_the_widest_bucket_counts_not_the_longest() -> None:
    """Rows as (tokens, supervised): a short prompt with a long answer is wider than a long prompt with a short one."""
    rows = [(60, 50), (64, 3), (500, 20), (30, 8)]
    found = largest_logits(rows, [32, 64, 512], 4, 1000)
    assert found == LargestLogits(bucket=64, rows=4, predictions=50, vocabulary=1000)
    assert found.mb == pytest.approx(9 * 4 * 4 * 50 * 1000 / 1e6)
    assert largest_logits([(600, 5)], [32, 512], 1, 10).bucket == 512, "too long a row is refused elsewhere"


def test_what_the_machine_cannot_hold_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = SimpleNamespace(total=int(7e9))
    monkeypatch.setattr(logits_memory, "psutil", SimpleNamespace(virtual_memory=lambda: machine))
    assert too_large(LargestLogits(1024, 32, 700, 8192)) is None  # 6.6 GB
    text = too_large(LargestLogits(1024, 32, 900, 8192))
    assert text is not None
    assert text.startswith(
        "the student's training needs about 8,493 MB for its logits (bucket 1024: 32 rows × 900 supervised tokens × "
        "8,192 words), and this machine has 7,000 MB. Lower distill.batch_size or data.max_length"
    )
