"""What all contestants work on, made once in a folder: a student's weights, one batch, rows with a logit cache.

workload.json  sizes · student.keras, student.safetensors (Hugging Face names) · batch.npz · rows.npz, logits/
Ids are random: what a framework does with a batch depends on its shapes alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from train.atomic import write_json
from train.config.schema import DistillConfig, LlamaShape
from train.distill.cache_writer import CacheWriter
from train.distill.logit_cache import CacheEntry, CacheKey, LogitCache
from train.distill.supervised import SupervisedRow
from train.keras_track.batches import Arrays, Batches

TEMPERATURE = 2.0


@dataclass(frozen=True)
class Workload:
    """Sizes. The defaults are a student of 4.9 million weights."""

    shape: dict[str, Any] = field(default_factory=lambda: LlamaShape().model_dump())  # fields of LlamaShape
    vocab_size: int = 2000
    batch_size: int = 32
    length: int = 64  # tokens of a row, padded
    rows: int = 4000  # of the input pipelines
    top_k: int = 16

    def distill(self) -> DistillConfig:
        return DistillConfig(batch_size=self.batch_size, top_k=self.top_k, temperature=TEMPERATURE)


TINY = Workload(
    LlamaShape(
        hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1
    ).model_dump(),
    vocab_size=64,
    batch_size=4,
    length=16,
    rows=64,
    top_k=4,
)


def write_workload(folder: Path, workload: Workload) -> None:
    """Everything but the student's files, which a Keras process adds (keras_student.write_student)."""
    write_json(folder / "workload.json", asdict(workload))
    rows = _random_rows(workload)
    lengths = [(len(row.tokens), len(row.labels)) for row in rows]
    flat: dict[str, Any] = {
        name: np.concatenate([getattr(row, name) for row in rows]) for name in ("tokens", "positions", "labels")
    }
    np.savez(folder / "rows.npz", lengths=np.array(lengths), **flat)
    _write_cache(folder, workload, rows)
    batches = read_batches(folder)
    batch: dict[str, Any] = batches.arrays(next(batches.from_step(0)))
    np.savez(folder / "batch.npz", **batch)


def read_workload(folder: Path) -> Workload:
    return Workload(**json.loads((folder / "workload.json").read_text(encoding="utf-8")))


def read_batch(folder: Path) -> Arrays:
    with np.load(folder / "batch.npz") as file:
        return dict(file)


def read_batches(folder: Path) -> Batches:
    """All rows with their teacher, in batches of one length."""
    workload = read_workload(folder)
    with np.load(folder / "rows.npz") as file:
        ends = np.cumsum(file["lengths"], axis=0)[:-1]
        parts = [np.split(file[name], ends[:, column]) for name, column in _PARTS]
    rows = [SupervisedRow(*arrays) for arrays in zip(*parts, strict=True)]
    cache = LogitCache(folder / "logits", _key(workload))
    return Batches(rows, [workload.length], workload.batch_size, 1, cache, TEMPERATURE)


_PARTS = (("tokens", 0), ("positions", 1), ("labels", 1))


def _random_rows(workload: Workload) -> list[SupervisedRow]:
    """Rows of half to full length; the second half of each is supervised, as an answer behind its question."""
    rng, rows = np.random.default_rng(0), []
    for length in rng.integers(workload.length // 2, workload.length + 1, workload.rows):
        ids = rng.integers(0, workload.vocab_size, length + 1, dtype=np.int32)
        positions = np.arange(length // 2, length, dtype=np.int32)
        rows.append(SupervisedRow(ids[:length], positions, ids[positions + 1]))
    return rows


def _write_cache(folder: Path, workload: Workload, rows: list[SupervisedRow]) -> None:
    rng, entries = np.random.default_rng(1), []
    for row in rows:
        shape = (len(row.labels), workload.top_k)
        ids = (rng.integers(0, workload.vocab_size, (shape[0], 1)) + np.arange(shape[1])) % workload.vocab_size
        logprobs = np.log(np.sort(rng.dirichlet(np.ones(shape[1] + 1), shape[0])[:, :-1]))[:, ::-1]
        entries.append(CacheEntry(ids, logprobs, np.log(rng.uniform(1.0, 4.0, (shape[0], 2)))))
    writer = CacheWriter(folder / "work", _key(workload), workload.vocab_size, {})
    writer.add(range(len(rows)), entries)
    writer.finish(folder / "logits")


def _key(workload: Workload) -> CacheKey:
    return CacheKey(None, "random", "none", "random", workload.top_k, (1.0, TEMPERATURE))
