"""The logit cache on disk: what it holds, and the reader. Only NumPy is needed to read it.

logits/
  cache.json                 format, key (hashes of teacher, tokenizer, template and data; k; temperatures), shards
  shard-00000.safetensors    ids [N,k] uint16 or uint32, logprobs [N,k] fp16 (T = 1, normalised over the vocabulary,
                             descending), lse [N,len(T)] fp32 (log-sum-exp of log-prob / T over the vocabulary),
                             row [R] int32, offset [R] int64, length [R] int32

One entry a row, not a pack: each framework batches as it likes. Position j of an entry is the distribution that
predicts the row's supervised token j. k = 16 costs 72 bytes a position; dense fp16 logits of 2,000 words cost 4,000.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from train.atomic import sha256_file, sha256_json
from train.chat import ChatTokenizer
from train.checked_json import checked
from train.config.schema import DistillConfig
from train.errors import UserError
from train.runs import RunFolder

FORMAT = 1
DTYPES = {"U16": np.uint16, "U32": np.uint32, "F16": np.float16, "F32": np.float32, "I32": np.int32, "I64": np.int64}
REMEDY = "Run 'tandem capture CONFIG' again."
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class CacheKey:
    """What a cache was made from. Equal keys: the same distributions of the same rows."""

    teacher: str | None  # None where the reader has no teacher at hand: not compared
    tokenizer: str
    template: str
    data: str
    top_k: int
    temperatures: tuple[float, ...]


class _Format(TypedDict):
    format: int


class _Shard(TypedDict):
    file: str
    sha256: str


class _Card(TypedDict):
    """What a reader needs of cache.json."""

    key: CacheKey
    shards: list[_Shard]


_FORMAT, _CARD = TypeAdapter(_Format), TypeAdapter(_Card)


@dataclass(frozen=True)
class CacheEntry:
    """Teacher of one row: ids [M,k], logprobs [M,k] at T = 1, lse [M,len(T)]; views into the mapped file."""

    ids: Array
    logprobs: Array
    lse: Array


def cache_key(run: RunFolder, tokenizer: ChatTokenizer, config: DistillConfig) -> CacheKey:
    """Key of a run's cache; the teacher's hash is None where the run has no teacher folder."""
    weights = sorted(run.teacher.glob("*.safetensors"))
    probe = tokenizer.encode([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
    return CacheKey(
        teacher=sha256_json([sha256_file(path) for path in (run.teacher / "config.json", *weights)])
        if weights
        else None,
        tokenizer=sha256_file(run.data / "tokenizer" / "tokenizer.json"),
        template=sha256_json(probe),  # the ids and the mask that the template gives: any change of it shows
        data=sha256_file(run.data / "train.jsonl"),
        top_k=min(config.top_k, tokenizer.vocab_size),
        temperatures=tuple(sorted({1.0, config.temperature})),
    )


class LogitCache:
    """Reader of a cache folder; shards stay on disk and are mapped into memory.

    Args:
        folder: the cache.
        expected: key of the run that reads it.

    Raises:
        UserError: no cache there, it was made from something else, or a shard is damaged.

    Example:
        cache = LogitCache(run.logits, cache_key(run, tokenizer, config.distill))
        entry = cache.entry(0)  # None where the capture did not come to row 0
    """

    def __init__(self, folder: Path, expected: CacheKey) -> None:
        self._folder = folder
        card = _read_card(folder)
        self.temperatures, self.top_k = card["key"].temperatures, card["key"].top_k
        _compare(folder, card["key"], expected)
        self._shards = [self._open(shard) for shard in card["shards"]]
        self._where = {
            int(row): (shard, int(offset), int(length))
            for shard in self._shards
            for row, offset, length in zip(shard["row"], shard["offset"], shard["length"], strict=True)
        }

    def __len__(self) -> int:
        """Rows that have an entry."""
        return len(self._where)

    def entry(self, row: int) -> CacheEntry | None:
        """Entry of row `row` of train.jsonl, or None where it has none."""
        if row not in self._where:
            return None
        shard, offset, length = self._where[row]
        part = slice(offset, offset + length)
        return CacheEntry(shard["ids"][part], shard["logprobs"][part], shard["lse"][part])

    def mean_tail_mass(self) -> float:
        """Mean probability, at T = 1, of all tokens outside the top k."""
        kept = sum(float(np.exp(shard["logprobs"].astype(np.float64)).sum()) for shard in self._shards)
        return max(0.0, 1.0 - kept / sum(len(shard["logprobs"]) for shard in self._shards))

    def _open(self, shard: _Shard) -> dict[str, Array]:
        path = self._folder / shard["file"]
        if not path.exists():
            raise UserError(f"The logit cache {self._folder} lacks its shard {shard['file']}. {REMEDY}")
        found = sha256_file(path)
        if found != shard["sha256"]:
            raise UserError(
                f"{path} is damaged: its sha256 is {found[:12]}…, cache.json has {shard['sha256'][:12]}…. {REMEDY}"
            )
        return map_safetensors(path)


def map_safetensors(path: Path) -> dict[str, Array]:
    """Arrays of a safetensors file as read-only memory maps (its format: u64 header size, JSON header, raw data)."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    start = 8 + size
    return {
        name: np.memmap(path, DTYPES[spec["dtype"]], "r", start + spec["data_offsets"][0], tuple(spec["shape"]))
        if spec["data_offsets"][1] > spec["data_offsets"][0]  # an empty array can't be mapped
        else np.zeros(spec["shape"], DTYPES[spec["dtype"]])
        for name, spec in header.items()
    }


def _read_card(folder: Path) -> _Card:
    path = folder / "cache.json"
    if not path.exists():
        raise UserError(f"No logit cache at {folder}: it has no cache.json. {REMEDY}")
    text = path.read_bytes()
    found = checked(text, _FORMAT, path, REMEDY)["format"]
    if found != FORMAT:
        raise UserError(f"{path} has format {found}, this program reads format {FORMAT}. {REMEDY}")
    return checked(text, _CARD, path, REMEDY)


def _compare(folder: Path, found: CacheKey, expected: CacheKey) -> None:
    """Refuses a cache whose key differs in anything that is known."""
    for name, value in asdict(expected).items():
        got = getattr(found, name)
        if value is not None and got != value:
            raise UserError(
                f"The logit cache {folder} was made with another {name}: {got}, this run has {value}. {REMEDY}"
            )
