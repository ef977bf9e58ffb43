"""Rows and logit cache as batches of a few fixed shapes: one a length bucket, so that XLA compiles once a bucket.

KerasHub's backbone takes a padding mask only, so rows are not packed. The order is a function of (seed, epoch) alone:
a training that goes on sees the batches it would have seen. Logits are wanted at supervised positions
alone; a bucket's M is the largest number of these in one of its rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from train.distill.logit_cache import LogitCache
from train.distill.supervised import SupervisedRow
from train.errors import UserError
from train.keras_track.prefetch import prefetched

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
MULTIPLE = 8  # M is rounded up to this


@dataclass(frozen=True)
class Batch:
    """Which rows, padded to which length. The last batch of a bucket may have fewer rows than the batch size."""

    bucket: int
    rows: tuple[int, ...]


class Batches:
    """Batches over supervised rows.

    Args:
        rows: of train.jsonl, in its order.
        buckets: batch lengths in tokens; a row goes to the smallest that holds it.
        batch_size: rows a batch.
        seed: of the order; None keeps the order of the rows (validation).
        cache: the teacher, or None for cross-entropy alone.
        temperature: of the distillation; picks the log-sum-exp.

    Raises:
        UserError: a row is longer than every bucket.
    """

    def __init__(
        self,
        rows: Sequence[SupervisedRow],
        buckets: Sequence[int],
        batch_size: int,
        seed: int | None,
        cache: LogitCache | None = None,
        temperature: float = 1.0,
    ) -> None:
        self._rows, self._batch_size, self._seed = rows, batch_size, seed
        self._cache = cache
        self._column = cache.temperatures.index(temperature) if cache else 0
        self._members = _members(rows, sorted(buckets))
        self._predictions = {
            bucket: -(-max(len(rows[row].labels) for row in members) // MULTIPLE) * MULTIPLE
            for bucket, members in self._members.items()
        }

    def __len__(self) -> int:
        """Batches an epoch."""
        return sum(self.per_bucket.values())

    @property
    def per_bucket(self) -> Counter[int]:
        """Batches an epoch by bucket."""
        return Counter({bucket: -(-len(members) // self._batch_size) for bucket, members in self._members.items()})

    def tokens(self, batch: Batch) -> int:
        """Tokens of a batch, padding not counted."""
        return sum(len(self._rows[row].tokens) for row in batch.rows)

    def tokens_before(self, step: int) -> int:
        """Tokens of all batches before that of step `step`, padding not counted."""
        epochs, index = divmod(step, len(self))
        begun = sum(map(self.tokens, self.epoch(epochs)[:index]))
        return epochs * sum(len(row.tokens) for row in self._rows) + begun

    def epoch(self, epoch: int) -> list[Batch]:
        """Batches of an epoch in their order."""
        if self._seed is None:
            return [batch for bucket, members in self._members.items() for batch in self._cut(bucket, members)]
        order = np.random.default_rng([self._seed, epoch])
        batches = [
            batch
            for bucket, members in self._members.items()
            for batch in self._cut(bucket, members[order.permutation(len(members))])
        ]
        return [batches[index] for index in order.permutation(len(batches))]

    def from_step(self, step: int) -> Iterator[Batch]:
        """Endless batches, beginning with that of step `step` (step = epoch · len + index)."""
        first, index = divmod(step, len(self))
        for epoch in count(first):
            yield from islice(self.epoch(epoch), index if epoch == first else 0, None)

    def arrays(self, batch: Batch) -> Arrays:
        """A batch as arrays; B, L and M depend on its bucket alone.

        token_ids, padding_mask [B,L] int32; positions, labels [B,M] int32; weights [B,M] fp32 (1 = supervised);
        with a cache also ids [B,M,k] int32, logprobs [B,M,k], lse [B,M], has_kd [B,M] fp32.
        """
        rows, length, predictions = self._batch_size, batch.bucket, self._predictions[batch.bucket]
        arrays: Arrays = {
            "token_ids": np.zeros((rows, length), np.int32),
            "padding_mask": np.zeros((rows, length), np.int32),
            "positions": np.zeros((rows, predictions), np.int32),
            "labels": np.zeros((rows, predictions), np.int32),
            "weights": np.zeros((rows, predictions), np.float32),
        }
        arrays["padding_mask"][:, 0] = 1  # a row of nothing but padding would have a softmax over nothing
        for line, number in enumerate(batch.rows):
            row = self._rows[number]
            arrays["token_ids"][line, : len(row.tokens)] = row.tokens
            arrays["padding_mask"][line, : len(row.tokens)] = 1
            arrays["positions"][line, : len(row.labels)] = row.positions
            arrays["labels"][line, : len(row.labels)] = row.labels
            arrays["weights"][line, : len(row.labels)] = 1.0
        return arrays if self._cache is None else arrays | self._teacher(batch, self._cache, (rows, predictions))

    def dataset(self, step: int = 0, batches: int | None = None) -> Any:
        """`batches` batches (None: endless) from that of step `step` on, prepared ahead: a tf.data.Dataset on
        TensorFlow, else an iterator of arrays."""
        from train.keras_track.backend import BACKEND, tf

        if BACKEND != "tensorflow":
            return prefetched(self.arrays, islice(self.from_step(step), batches))
        first = self.epoch(0)[0]
        signature = {
            name: tf.TensorSpec([array.shape[0]] + [None] * min(array.ndim - 1, 1) + list(array.shape[2:]), array.dtype)
            for name, array in self.arrays(first).items()
        }
        generate = lambda: map(self.arrays, islice(self.from_step(step), batches))  # noqa: E731
        return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(4)

    def _cut(self, bucket: int, members: Array) -> list[Batch]:
        size = self._batch_size
        return [Batch(bucket, tuple(map(int, members[i : i + size]))) for i in range(0, len(members), size)]

    def _teacher(self, batch: Batch, cache: LogitCache, shape: tuple[int, int]) -> Arrays:
        k = cache.top_k
        arrays: Arrays = {
            # Harmless values where there is no entry: has_kd is 0 there, but 0 times NaN would still be NaN.
            "ids": np.broadcast_to(np.arange(k, dtype=np.int32), (*shape, k)).copy(),
            "logprobs": np.full((*shape, k), -30.0, np.float32),
            "lse": np.zeros(shape, np.float32),
            "has_kd": np.zeros(shape, np.float32),
        }
        for line, number in enumerate(batch.rows):
            entry = cache.entry(number)
            if entry is not None:
                length = len(entry.ids)
                arrays["ids"][line, :length] = entry.ids
                arrays["logprobs"][line, :length] = entry.logprobs
                arrays["lse"][line, :length] = entry.lse[:, self._column]
                arrays["has_kd"][line, :length] = 1.0
        return arrays


def _members(rows: Sequence[SupervisedRow], buckets: Sequence[int]) -> dict[int, Array]:
    """Row numbers by bucket; buckets without rows are left out."""
    lengths = np.asarray([len(row.tokens) for row in rows])
    if lengths.max() > buckets[-1]:
        raise UserError(
            f"Row {int(lengths.argmax())} has {int(lengths.max())} tokens, the largest of distill.buckets is "
            f"{buckets[-1]}. Add a larger bucket, or lower data.max_length."
        )
    place = np.searchsorted(np.asarray(buckets), lengths)
    return {bucket: np.flatnonzero(place == i) for i, bucket in enumerate(buckets) if (place == i).any()}
