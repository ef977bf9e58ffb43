"""How a prompt is cut into prefill calls of fixed sizes.

A call always writes its whole bucket into the cache, padding included, and the write clamps
silently where position + bucket > window: later rows would land on earlier ones. So no chunk
of a plan ever reaches over the window; near its end a plan falls back to single tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import ContextFullError

# Fixed cost of a prefill call, and cost of a decode step, in tokens of prefill: measured 20 to 35 and 5 to 18
# (mobile/LOG.md). Coarse values are enough: they only decide between several small calls and a padded large one.
CALL_COST, DECODE_COST = 20, 8


@dataclass(frozen=True)
class Chunk:
    """`count` tokens of the prompt from `start` on, written at `position` by a call of `bucket` tokens."""

    start: int
    count: int
    position: int
    bucket: int


def plan_prefill(count: int, position: int, buckets: Sequence[int], window: int) -> list[Chunk]:
    """The cheapest chunks for `count` tokens when `position` tokens are in the cache already.

    A bucket of 1 (the decode signature) is always allowed. Raises ContextFullError where the
    tokens do not fit into the window.
    """
    if position + count > window:
        raise ContextFullError(
            f"{count} more tokens do not fit: the window holds {window} and {position} are in use. "
            "Start over with reset(), or send a shorter text."
        )
    sizes = sorted({1, *buckets})
    # best[done]: cost of the rest once `done` tokens are read, and the bucket to go on with.
    best: list[tuple[int, int]] = [(0, 0)] * (count + 1)
    for done in range(count - 1, -1, -1):
        fitting = [size for size in sizes if position + done + size <= window]
        best[done] = min((call_cost(size) + best[min(done + size, count)][0], -size) for size in fitting)
    chunks: list[Chunk] = []
    done = 0
    while done < count:
        bucket = -best[done][1]
        chunks.append(Chunk(done, min(bucket, count - done), position + done, bucket))
        done += chunks[-1].count
    return chunks


def call_cost(bucket: int) -> int:
    """Cost of one call in tokens of prefill."""
    return CALL_COST + bucket if bucket > 1 else DECODE_COST
