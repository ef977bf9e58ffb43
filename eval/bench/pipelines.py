"""Input pipelines over the same rows and logit cache: each makes the arrays of Batches and hands them on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench.workload import read_batches
from train.keras_track.prefetch import prefetched


class Pipeline:
    """`train` reads one epoch; it has no forward pass."""

    def __init__(self, folder: Path, how: str) -> None:
        self._how, self.batches = how, read_batches(folder)
        self._epoch = 0

    def read(self) -> tuple[float, int]:
        """Seconds and real tokens of one epoch, the start of the pipeline included."""
        start, tokens = time.perf_counter(), 0
        for batch in self.epoch(self._epoch):
            tokens += int(np.asarray(batch["padding_mask"]).sum())
        self._epoch += 1
        return time.perf_counter() - start, tokens

    def epoch(self, number: int) -> Iterator[Any]:
        """Batches of one epoch."""
        raise NotImplementedError


class LoaderPipeline(Pipeline):
    """torch.utils.data.DataLoader; `how` is its number of workers."""

    def epoch(self, number: int) -> Iterator[Any]:
        from torch.utils.data import DataLoader

        made = [self.batches.arrays, self.batches.epoch(number)]
        yield from DataLoader(_Dataset(*made), batch_size=None, num_workers=int(self._how))  # type: ignore[arg-type]


class _Dataset:
    """A map-style data set whose items are whole batches."""

    def __init__(self, make: Any, batches: Any) -> None:
        self._make, self._batches = make, batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Any:
        return self._make(self._batches[index])


class TfDataPipeline(Pipeline):
    """The tf.data pipeline that trains the student on TensorFlow."""

    def epoch(self, number: int) -> Iterator[Any]:
        count = len(self.batches)
        yield from self.batches.dataset(number * count, count)


class ThreadPipeline(Pipeline):
    """What trains it on the other back ends."""

    def epoch(self, number: int) -> Iterator[Any]:
        count = len(self.batches)
        yield from prefetched(self.batches.arrays, islice(self.batches.from_step(number * count), count))
