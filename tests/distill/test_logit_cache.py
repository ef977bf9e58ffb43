from __future__ import annotations

import dataclasses
import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from train.distill.cache_writer import CacheWriter
from train.distill.logit_cache import CacheEntry, CacheKey, LogitCache, map_safetensors
from train.errors import TandemError, UserError

KEY = CacheKey(teacher="t", tokenizer="k", template="c", data="d", top_k=2, temperatures=(1.0, 2.0))


def entry(positions: int, start: float) -> CacheEntry:
    values = start + np.arange(positions * 2, dtype=np.float32).reshape(positions, 2)
    return CacheEntry(np.arange(positions * 2).reshape(positions, 2), -values, values / 8)


def write(folder: Path, vocab_size: int = 300) -> LogitCache:
    writer = CacheWriter(folder.with_name("work"), KEY, vocab_size, {})
    writer.add([0, 1], [entry(3, 0.0), entry(1, 1.0)], seconds=1.0)
    writer.add([5], [entry(2, 2.0)], seconds=1.0)
    return writer.finish(folder)


def test_entries_come_back(tmp_path: Path) -> None:
    cache = write(tmp_path / "logits")
    assert len(cache) == 3
    got = cache.entry(5)
    assert got is not None
    assert got.ids.tolist() == [[0, 1], [2, 3]]
    assert got.logprobs.tolist() == [[-2, -3], [-4, -5]]
    assert got.lse.tolist() == [[0.25, 0.375], [0.5, 0.625]]
    second = cache.entry(1)
    assert second is not None
    assert second.logprobs.tolist() == [[-1, -2]]
    assert cache.entry(2) is None


def test_mapping_reads_what_safetensors_reads(tmp_path: Path) -> None:
    write(tmp_path / "logits")
    path = tmp_path / "logits" / "shard-00000.safetensors"
    for name, array in load_file(path).items():
        assert np.array_equal(map_safetensors(path)[name], array)
        assert map_safetensors(path)[name].dtype == array.dtype


@pytest.mark.parametrize(("vocab_size", "dtype"), [(65_536, np.uint16), (65_537, np.uint32)])
def test_width_of_ids(tmp_path: Path, vocab_size: int, dtype: type) -> None:
    write(tmp_path / "logits", vocab_size)
    assert map_safetensors(tmp_path / "logits" / "shard-00000.safetensors")["ids"].dtype == dtype


@pytest.mark.parametrize(
    "change",
    [
        {"teacher": "x"},
        {"tokenizer": "x"},
        {"template": "x"},
        {"data": "x"},
        {"top_k": 3},
        {"temperatures": (1.0, 4.0)},
    ],
)
def test_refuses_what_was_made_from_something_else(tmp_path: Path, change: dict[str, object]) -> None:
    write(tmp_path / "logits")
    with pytest.raises(UserError, match=f"another {next(iter(change))}"):
        LogitCache(tmp_path / "logits", dataclasses.replace(KEY, **change))  # type: ignore[arg-type]


def test_teacher_that_is_not_at_hand_is_not_compared(tmp_path: Path) -> None:
    write(tmp_path / "logits")
    assert len(LogitCache(tmp_path / "logits", dataclasses.replace(KEY, teacher=None))) == 3


def test_refuses_damaged_and_missing_shards(tmp_path: Path) -> None:
    write(tmp_path / "logits")
    path = tmp_path / "logits" / "shard-00001.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"shard-00001\.safetensors is damaged"):
        LogitCache(tmp_path / "logits", KEY)
    path.unlink()
    with pytest.raises(UserError, match="lacks its shard"):
        LogitCache(tmp_path / "logits", KEY)


def test_refuses_no_cache_and_another_format(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No logit cache"):
        LogitCache(tmp_path / "logits", KEY)
    write(tmp_path / "logits")
    card = json.loads((tmp_path / "logits" / "cache.json").read_text())
    (tmp_path / "logits" / "cache.json").write_text(json.dumps(card | {"format": 9}))
    with pytest.raises(UserError, match="format 9"):
        LogitCache(tmp_path / "logits", KEY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": {"top_k": 2}}, "key.teacher: Field required"),
        ({"key": 3}, "key: "),
        ({"shards": None}, "shards: "),
        ({"shards": [{"file": "shard-00000.safetensors"}]}, "shards.0.sha256: Field required"),
    ],
)
def test_a_damaged_card_is_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    write(tmp_path / "logits")
    path = tmp_path / "logits" / "cache.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=f"cache.json is damaged: {message}.*tandem capture"):
        LogitCache(tmp_path / "logits", KEY)


def test_writer_goes_on_after_whole_shards_only(tmp_path: Path) -> None:
    first = CacheWriter(tmp_path / "work", KEY, 300, {"rows": 3})
    first.add([0], [entry(1, 0.0)], seconds=1.0)
    first.add([1], [entry(1, 0.0)], seconds=1.0)
    (tmp_path / "work" / "shard-00001.json").unlink()  # killed between the shard and its hash
    assert [shard["file"] for shard in CacheWriter(tmp_path / "work", KEY, 300, {"rows": 3}).shards] == [
        "shard-00000.safetensors"
    ]
    assert CacheWriter(tmp_path / "work", KEY, 300, {"rows": 4}).shards == []  # other work: nothing is kept


def test_a_file_system_without_hard_links_gets_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    writer = CacheWriter(tmp_path / "work", KEY, 300, {"rows": 1})
    writer.add([0], [entry(1, 0.0)])
    assert writer.finish(tmp_path / "logits").entry(0) is not None


def test_nothing_captured(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match="max_minutes_capture"):
        CacheWriter(tmp_path / "work", KEY, 300, {}).finish(tmp_path / "logits")
