from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from train.chat import ChatTokenizer
from train.config.schema import Config
from train.distill.logit_cache import LogitCache, cache_key
from train.distill.supervised import SupervisedRow, read_supervised
from train.errors import UserError
from train.keras_track.batches import Batches
from train.runs import RunFolder


@pytest.fixture
def rows(run: RunFolder) -> list[SupervisedRow]:
    return read_supervised(run.data / "train.jsonl", ChatTokenizer.load(run.data / "tokenizer"))


@pytest.fixture
def batches(run: RunFolder, config: Config, rows: list[SupervisedRow]) -> Batches:
    key = cache_key(run, ChatTokenizer.load(run.data / "tokenizer"), config.distill)
    return Batches(rows, [40, 64], 8, 3, LogitCache(run.logits, key), 2.0)


def test_an_epoch_has_every_row_once_in_the_smallest_bucket(batches: Batches, rows: list[SupervisedRow]) -> None:
    seen: Counter[int] = Counter()
    for batch in batches.epoch(0):
        seen.update(batch.rows)
        assert all((len(rows[row].tokens) <= 40) == (batch.bucket == 40) for row in batch.rows)
    assert seen == Counter(range(len(rows)))
    assert len(batches) == len(batches.epoch(0)) == batches.per_bucket.total()


def test_order_depends_on_seed_and_epoch_alone(batches: Batches, rows: list[SupervisedRow]) -> None:
    same, other = Batches(rows, [40, 64], 8, 3), Batches(rows, [40, 64], 8, 4)
    assert batches.epoch(1) == same.epoch(1)
    assert batches.epoch(1) != batches.epoch(0)
    assert batches.epoch(1) != other.epoch(1)
    first = list(islice(batches.from_step(0), 30))
    assert list(islice(batches.from_step(11), 19)) == first[11:]


def test_arrays_hold_rows_and_teacher(
    batches: Batches, rows: list[SupervisedRow], run: RunFolder, config: Config
) -> None:
    key = cache_key(run, ChatTokenizer.load(run.data / "tokenizer"), config.distill)
    cache = LogitCache(run.logits, key)
    without = 0
    for batch in batches.epoch(0):
        arrays = batches.arrays(batch)
        assert arrays["token_ids"].shape == (8, batch.bucket)
        assert all(np.isfinite(array).all() for array in arrays.values())
        assert arrays["weights"].sum() == sum(len(rows[row].labels) for row in batch.rows)
        for line, number in enumerate(batch.rows):
            row, n = rows[number], len(rows[number].labels)
            assert arrays["padding_mask"][line].sum() == len(row.tokens)
            # A label is the token after its position; the last one is the end token, which is no input.
            assert np.array_equal(
                arrays["token_ids"][line][arrays["positions"][line, 1:n]], arrays["labels"][line, : n - 1]
            )
            entry = cache.entry(number)
            assert (entry is None) == (number >= 50)
            if entry is None:
                without += 1
                assert arrays["has_kd"][line].sum() == 0
            else:
                assert np.array_equal(arrays["ids"][line, :n], entry.ids)
                assert np.array_equal(arrays["lse"][line, :n], entry.lse[:, 1])
                assert arrays["has_kd"][line].tolist() == [1.0] * n + [0.0] * (len(arrays["has_kd"][line]) - n)
    assert without == 10


def test_dataset_is_the_same_arrays_from_any_step(batches: Batches) -> None:
    expected = [batches.arrays(batch) for batch in islice(batches.from_step(5), 6)]
    got = list(batches.dataset(5, batches=6))
    assert len(got) == 6
    for mine, theirs in zip(expected, got, strict=True):
        assert mine.keys() == theirs.keys()
        for name, array in mine.items():
            assert np.array_equal(array, theirs[name].numpy())


def test_few_shapes(batches: Batches) -> None:
    shapes = {tuple(sorted((name, tensor.shape) for name, tensor in batch.items())) for batch in batches.dataset(0, 25)}
    assert len(shapes) == 2


def test_validation_keeps_the_order(rows: list[SupervisedRow]) -> None:
    plain = Batches(rows, [64], 8, None)
    assert [row for batch in plain.epoch(0) for row in batch.rows] == list(range(60))


def test_row_longer_than_all_buckets(rows: list[SupervisedRow]) -> None:
    with pytest.raises(UserError, match=r"Row \d+ has \d+ tokens, the largest of distill.buckets is 30"):
        Batches(rows, [20, 30], 8, 1)
