"""Packs rows into sequences of one fixed length: no padding to compute, and static shapes for torch.compile.

Rows in a pack never see each other: attention is block-diagonal and positions start at 0 with each row, so packed
logits equal those of the rows alone (tests/torch_track/test_packing.py).
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
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

    @cached_property
    def longest_row(self) -> int:
        """Tokens of the longest row."""
        return int(self.positions.max(initial=0)) + 1

    def row_sizes(self) -> list[tuple[int, int]]:
        """Tokens and supervised tokens of each row."""
        most = int(self.segments.max(initial=0)) + 1
        real = self.segments != EMPTY
        row = (self.segments + most * np.arange(len(self))[:, None])[real]
        tokens = np.bincount(row)
        supervised = np.bincount(row, self.labels[real] != IGNORED, len(tokens))
        return [(int(all_), int(some)) for all_, some in zip(tokens, supervised, strict=True) if all_]

    @property
    def supervised_tokens(self) -> int:
        return int((self.labels != IGNORED).sum())


@dataclass(frozen=True)
class MicroBatch:
    """Packs as tensors, [batch, length], and where their rows begin.

    bounds: int32, with all packs one behind the other: the first position of each row and of each piece of padding,
    then batch × length again and again. longest: tokens between two bounds, at most. Both the size of bounds and
    longest depend on the packs as a whole alone, so shapes stay static.
    """

    ids: torch.Tensor
    labels: torch.Tensor
    segments: torch.Tensor
    positions: torch.Tensor
    bounds: torch.Tensor
    longest: int

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        return self.ids, self.labels, self.segments, self.positions, self.bounds

    def to(self, device: torch.device) -> MicroBatch:
        return self.each(lambda tensor: tensor.to(device, non_blocking=True))

    def each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> MicroBatch:
        """The same with every tensor changed."""
        ids, labels, segments, positions, bounds = map(change, self.tensors)
        return MicroBatch(ids, labels, segments, positions, bounds, self.longest)


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
    ids, labels, segments, positions = map(torch.from_numpy, picked)
    bounds = torch.from_numpy(row_bounds(picked[2], packs.most_rows, packs.longest_row))
    return MicroBatch(ids, labels, segments, positions, bounds, packs.longest_row)


def row_bounds(segments: Array, most_rows: int, longest: int) -> npt.NDArray[np.int32]:
    """MicroBatch.bounds of packs of at most `most_rows` rows of at most `longest` tokens; padding is cut into pieces
    of as many. Shape [batch × (most_rows + pieces of a pack) + 1]."""
    batch, length = segments.shape
    bounds = np.full(batch * (most_rows - (-length // longest)) + 1, batch * length, np.int32)
    begins = np.diff(segments, axis=1, prepend=EMPTY - 1) != 0  # a pack's first position always is one
    places = np.arange(length)
    since = places - np.maximum.accumulate(np.where(begins, places, 0), axis=1)  # the row or padding began
    starts = np.flatnonzero(begins | ((segments == EMPTY) & (since % longest == 0)))
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
