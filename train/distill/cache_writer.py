"""Writes a logit cache shard by shard; a killed capture goes on with the shards that are missing.

Shards collect in the stage's checkpoint folder, where several processes may write, each its own. The cache takes its
place as a whole when the capture ends.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from train.atomic import sha256_file, whole_file, whole_folder, write_json
from train.distill.logit_cache import FORMAT, Array, CacheEntry, CacheKey, LogitCache
from train.errors import TandemError
from train.hardware import versions


class CacheWriter:
    """Collects shards of a cache.

    Args:
        folder: for shards until the cache is whole; on the disk on which the cache will stand.
        key: what it is made from; shards of an earlier try are kept if their key is the same.
        vocab_size: decides whether ids fit into 16 bits.
        work: what the shards depend on beside the key (the rows of a shard); a change discards them too.
    """

    def __init__(self, folder: Path, key: CacheKey, vocab_size: int, work: dict[str, Any]) -> None:
        self._partial, self._key, self._wanted = folder, key, bool(work.get("rows", True))
        self._id_dtype = np.uint16 if vocab_size <= 2**16 else np.uint32
        self._found = self._resume({"format": FORMAT, "key": _plain(key), "vocab_size": vocab_size, **work})

    @property
    def shards(self) -> list[dict[str, Any]]:
        """Cards of the shards that are whole, in their order."""
        return [self._found[number] for number in sorted(self._found)]

    @property
    def numbers(self) -> set[int]:
        """Of the shards that are whole."""
        return set(self._found)

    def read_again(self) -> None:
        """Finds what other processes have written."""
        self._found = self._whole_shards()

    def add(
        self, rows: Sequence[int], entries: Sequence[CacheEntry], number: int | None = None, **figures: float
    ) -> None:
        """Writes one shard: `rows[i]` has `entries[i]`. `figures` are kept beside its hash in cache.json.

        Args:
            number: of the shard; None: the next one.
        """
        number = len(self._found) if number is None else number
        name = f"shard-{number:05d}.safetensors"
        lengths = np.asarray([len(entry.ids) for entry in entries], dtype=np.int32)
        arrays: dict[str, Array] = {
            "ids": np.concatenate([entry.ids for entry in entries]).astype(self._id_dtype),
            "logprobs": np.concatenate([entry.logprobs for entry in entries]).astype(np.float16),
            "lse": np.concatenate([entry.lse for entry in entries]).astype(np.float32),
            "row": np.asarray(rows, dtype=np.int32),
            "offset": np.concatenate([[0], np.cumsum(lengths[:-1], dtype=np.int64)]).astype(np.int64),
            "length": lengths,
        }
        with whole_file(self._partial / name) as temporary:
            save_file(arrays, temporary)
        path = self._partial / name
        shard = {
            "file": name,
            "sha256": sha256_file(path),
            "bytes": path.stat().st_size,
            "positions": int(lengths.sum()),
            "rows": len(rows),
            **figures,
        }
        write_json(path.with_suffix(".json"), shard)  # last: a shard without it is not whole
        self._found[number] = shard

    def finish(self, target: Path) -> LogitCache:
        """The cache takes its place at `target`. Returns a reader of it."""
        if not self.shards and self._wanted:
            raise TandemError("The capture ended before its first row. Raise distill.max_minutes_capture.")
        with whole_folder(target) as folder:
            for shard in self.shards:
                _put(self._partial / shard["file"], folder / shard["file"])
            card = {
                "format": FORMAT,
                "key": _plain(self._key),
                "dtypes": {"ids": np.dtype(self._id_dtype).name, "logprobs": "float16", "lse": "float32"},
                "versions": versions(),
                "shards": self.shards,
            }
            write_json(folder / "cache.json", card)
        return LogitCache(target, self._key)

    def _resume(self, work: dict[str, Any]) -> dict[int, dict[str, Any]]:
        """Whole shards of an earlier try, by number; where that was other work, its folder goes."""
        card = self._partial / "work.json"
        if not card.exists() or json.loads(card.read_text(encoding="utf-8")) != work:
            shutil.rmtree(self._partial, ignore_errors=True)
            write_json(card, work)
        return self._whole_shards()

    def _whole_shards(self) -> dict[int, dict[str, Any]]:
        shards: dict[int, dict[str, Any]] = {}
        for path in self._partial.glob("shard-*.json"):
            shard = json.loads(path.read_text(encoding="utf-8"))
            file = self._partial / shard["file"]
            if file.exists() and sha256_file(file) == shard["sha256"]:
                shards[int(path.stem.removeprefix("shard-"))] = shard
        return shards


def _put(shard: Path, target: Path) -> None:
    """Linked, not moved: a kill before the folder is renamed loses nothing. Copied where there are no hard links."""
    try:
        os.link(shard, target)
    except OSError:
        shutil.copyfile(shard, target)


def _plain(key: CacheKey) -> dict[str, Any]:
    """The key as JSON gives it back."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(key)))
    return plain
