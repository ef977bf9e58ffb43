"""What the student's logits take, the largest arrays of a distillation with long answers or a large vocabulary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil

# Arrays of the logits' size that a step holds at once. Measured on TensorFlow (XLA, CPU, fp32) at 8 rows of 450 to
# 2,000 supervised tokens and 8,192 words: 7.7 to 9.1. Chunks that are computed again for the backward pass took 12: XLA
# computes them side by side.
COPIES = 9


@dataclass(frozen=True)
class LargestLogits:
    """The bucket of rows whose logits are the largest, [rows · predictions, vocabulary]."""

    bucket: int
    rows: int
    predictions: int
    vocabulary: int

    @property
    def mb(self) -> float:
        """Memory of a step's arrays of this size, 10^6 bytes."""
        return COPIES * 4 * self.rows * self.predictions * self.vocabulary / 1e6

    def sentence(self) -> str:
        return (
            f"about {self.mb:,.0f} MB for its logits (bucket {self.bucket}: {self.rows} rows × {self.predictions} "
            f"supervised tokens × {self.vocabulary:,} words)"
        )


def largest_logits(
    lengths: Iterable[tuple[int, int]], buckets: Sequence[int], batch_size: int, vocabulary: int
) -> LargestLogits:
    """Of rows given as (tokens, supervised tokens): a bucket's batches are as wide as the row that learns most."""
    most: dict[int, int] = defaultdict(int)
    for tokens, supervised in lengths:
        bucket = min((size for size in buckets if size >= tokens), default=max(buckets))
        most[bucket] = max(most[bucket], supervised)
    bucket = max(most, key=lambda size: most[size])
    return LargestLogits(bucket, batch_size, most[bucket], vocabulary)


def too_large(found: LargestLogits) -> str | None:
    """What to say where this machine can't hold them; None where it can."""
    total_mb = psutil.virtual_memory().total / 1e6
    if found.mb <= total_mb:
        return None
    return (
        f"the student's training needs {found.sentence()}, and this machine has {total_mb:,.0f} MB. Lower "
        "distill.batch_size or data.max_length, or let data.trim_vocabulary cut the vocabulary."
    )
