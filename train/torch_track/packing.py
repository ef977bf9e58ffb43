"""Packs rows into sequences of one fixed length: no padding to compute, and static shapes for torch.compile.

Rows in a pack never see each other: attention is block-diagonal and positions start at 0 with each row, so packed
logits equal those of the rows alone (tests/torch_track/test_packing.py).
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

IGNORED = -100  # label of a position that has no loss; PyTorch's default ignore_index
EMPTY = -1  # segment of padding

Encoded = tuple[list[int], list[int]]  # ids, loss mask
Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packs:
    """Rows as packs, all arrays [packs, length].

    labels[t] is the token to predict after position t (or IGNORED), so nothing is shifted later on; segments numbers
    the rows of a pack from 0, EMPTY is padding; rows are the numbers (from 0, in their file) of a pack's rows.
    """

    ids: Array
    labels: Array
    segments: Array
    positions: Array
    rows: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def fill(self) -> float:
        """Share of positions that hold a token."""
        return float((self.segments != EMPTY).mean())

    @cached_property
    def most_rows(self) -> int:
        """Rows of the fullest pack."""
        return max(map(len, self.rows), default=0)

    @property
    def supervised_tokens(self) -> int:
        return int((self.labels != IGNORED).sum())


@dataclass(frozen=True)
class MicroBatch:
    """Packs as tensors, [batch, length], and where their rows begin.

    bounds: int32, with all packs one behind the other: the first position of each row and of each run of padding, then
    batch × length again and again. Its size depends on the packs as a whole alone, so shapes stay static.
    """

    ids: torch.Tensor
    labels: torch.Tensor
    segments: torch.Tensor
    positions: torch.Tensor
    bounds: torch.Tensor

    def to(self, device: torch.device) -> MicroBatch:
        tensors = (self.ids, self.labels, self.segments, self.positions, self.bounds)
        return MicroBatch(*(tensor.to(device, non_blocking=True) for tensor in tensors))


def best_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Best-fit decreasing: each row, longest first, goes to the fullest pack that still holds it.

    Returns the row indices of each pack. Raises ValueError when a row is longer than `capacity`.
    """
    packs: list[list[int]] = []
    open_packs: list[tuple[int, int]] = []  # (room left, pack), sorted
    for row in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        length = lengths[row]
        if length > capacity:
            raise ValueError(f"row {row} has {length} tokens, a pack holds {capacity}")
        place = bisect.bisect_left(open_packs, (length, -1))
        if place < len(open_packs):
            room, pack = open_packs.pop(place)
        else:
            room, pack = capacity, len(packs)
            packs.append([])
        packs[pack].append(row)
        if room > length:
            bisect.insort(open_packs, (room - length, pack))
    return packs


def pack_rows(rows: Sequence[Encoded], length: int, pad_id: int, packing: bool = True) -> Packs:
    """Packs encoded rows into sequences of `length` tokens; without `packing` each row has a sequence of its own."""
    plan = best_fit([len(ids) for ids, _ in rows], length) if packing else [[row] for row in range(len(rows))]
    shape = (len(plan), length)
    ids = np.full(shape, pad_id, np.int64)
    labels = np.full(shape, IGNORED, np.int64)
    segments = np.full(shape, EMPTY, np.int64)
    positions = np.zeros(shape, np.int64)
    for pack, members in enumerate(plan):
        start = 0
        for segment, row in enumerate(members):
            row_ids, mask = np.array(rows[row][0]), np.array(rows[row][1])
            end = start + len(row_ids)
            ids[pack, start:end] = row_ids
            labels[pack, start : end - 1] = np.where(mask[1:] == 1, row_ids[1:], IGNORED)
            segments[pack, start:end] = segment
            positions[pack, start:end] = np.arange(len(row_ids))
            start = end
    return Packs(ids, labels, segments, positions, tuple(map(tuple, plan)))


def micro_batch(packs: Packs, indices: Sequence[int]) -> MicroBatch:
    """The packs of these indices as one batch of tensors."""
    picked = [array[list(indices)] for array in (packs.ids, packs.labels, packs.segments, packs.positions)]
    bounds = row_bounds(picked[2], packs.most_rows)
    return MicroBatch(*(torch.from_numpy(array) for array in (*picked, bounds)))


def row_bounds(segments: Array, most_rows: int) -> npt.NDArray[np.int32]:
    """MicroBatch.bounds of packs of at most `most_rows` rows, [batch × (most_rows + 1) + 1]."""
    batch, length = segments.shape
    bounds = np.full(batch * (most_rows + 1) + 1, batch * length, np.int32)
    changes = np.diff(segments, axis=1, prepend=EMPTY - 1) != 0  # a pack's first position always is one
    starts = np.flatnonzero(changes)
    bounds[: len(starts)] = starts
    return bounds


def attention_mask(segments: torch.Tensor) -> torch.Tensor:
    """Block-diagonal causal mask [batch, 1, length, length], True where a query may look."""
    length = segments.shape[1]
    same_row = segments[:, None, :, None] == segments[:, None, None, :]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    return same_row & causal


def pack_order(packs: int, count: int, seed: int) -> Array:
    """Indices of the first `count` packs seen in training: one permutation after another, each a function of
    (seed, epoch) alone, so that a resumed run goes on in the same order."""
    epochs = -(-count // packs)
    order = [np.random.default_rng((seed, epoch)).permutation(packs) for epoch in range(epochs)]
    return np.concatenate(order)[:count]
