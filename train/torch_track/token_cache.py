"""Encoded rows of a chat file, kept between runs: encoding 360,000 rows takes most of a minute.

The key holds all that changes tokens: the file, the tokenizer, the code that encodes, and how many rows are wanted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from train.atomic import sha256_file, sha256_json, whole_file
from train.cache import cache_folder
from train.chat import ChatTokenizer
from train.data.chat_jsonl import read_chat_jsonl
from train.progress import progress
from train.runs import REPOSITORY
from train.torch_track.packing import Encoded

CODE = ("train/chat.py", "train/copied_pieces.py", "train/torch_track/token_cache.py")
KEPT_FROM = 5000  # rows: encoding fewer takes about a second


def encoded_rows(path: Path, tokenizer_folder: Path, rows: int | None) -> list[Encoded]:
    """Token ids and loss mask of the first `rows` rows of a chat file (None: all), from the cache where they are there.

    A damaged cache file is made anew.
    """
    file = cache_folder() / "tokens" / f"{_key(path, tokenizer_folder, rows)}.npz"
    if (found := _read(file)) is not None:
        return found
    tokenizer = ChatTokenizer.load(tokenizer_folder)
    encoded = []
    with path.open("rb") as lines:
        count = sum(1 for _ in lines)
    with progress("tokens", count if rows is None else min(rows, count), "rows") as meter:
        for row in read_chat_jsonl(path, limit=rows):
            encoded.append(tokenizer.encode(row["messages"]))
            meter.advance()
    if len(encoded) >= KEPT_FROM:
        _write(file, encoded)
    return encoded


def _key(path: Path, tokenizer_folder: Path, rows: int | None) -> str:
    files = [path, *sorted(tokenizer_folder.glob("*.json")), *(REPOSITORY / name for name in CODE)]
    return sha256_json({"files": [sha256_file(file) for file in files], "rows": rows})


def _read(file: Path) -> list[Encoded] | None:
    try:
        with np.load(file, allow_pickle=False) as stored:
            ids, ends, mask = stored["ids"].astype(np.int64), stored["ends"], stored["mask"]
    except Exception:  # missing, or damaged: zipfile, zlib and NumPy each have errors of their own
        return None
    supervised = np.unpackbits(mask, count=len(ids)).astype(np.int64)
    starts = np.concatenate(([0], ends[:-1]))
    return [(ids[start:end].tolist(), supervised[start:end].tolist()) for start, end in zip(starts, ends, strict=True)]


def _write(file: Path, encoded: list[Encoded]) -> None:
    ids = np.concatenate([np.array(row, np.int64) for row, _ in encoded])
    mask = np.concatenate([np.array(row, bool) for _, row in encoded])
    ends = np.cumsum([len(row) for row, _ in encoded])
    width = np.uint16 if ids.max() < 2**16 else np.uint32
    with whole_file(file) as temporary, temporary.open("wb") as target:
        np.savez_compressed(target, ids=ids.astype(width), mask=np.packbits(mask), ends=ends)
