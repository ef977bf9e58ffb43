"""Encoded rows: the same from the cache as encoded, and never from another file, tokenizer or number of rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from train.chat import ChatTokenizer
from train.data.chat_jsonl import read_chat_jsonl
from train.torch_track import token_cache
from train.torch_track.token_cache import encoded_rows


@pytest.fixture
def rows_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TANDEM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(token_cache, "KEPT_FROM", 1)
    return write(tmp_path / "rows.jsonl", ["lights on", "lights off in the kitchen", "stop"])


def write(path: Path, texts: list[str]) -> Path:
    answers = [{"role": "assistant", "content": f"<{text}>"} for text in texts]
    rows = [
        {"id": str(n), "messages": [{"role": "user", "content": text}, answer]}
        for n, (text, answer) in enumerate(zip(texts, answers, strict=True))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "tokens").glob("*.npz"))


def test_the_second_time_they_come_from_the_cache(
    rows_file: Path, tokenizer_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = ChatTokenizer.load(tokenizer_folder)
    expected = [tokenizer.encode(row["messages"]) for row in read_chat_jsonl(rows_file)]
    assert encoded_rows(rows_file, tokenizer_folder, None) == expected
    assert len(kept(tmp_path)) == 1
    monkeypatch.setattr(ChatTokenizer, "encode", None)
    assert encoded_rows(rows_file, tokenizer_folder, None) == expected


def test_other_rows_have_another_key(rows_file: Path, tokenizer_folder: Path, tmp_path: Path) -> None:
    whole = encoded_rows(rows_file, tokenizer_folder, None)
    assert encoded_rows(rows_file, tokenizer_folder, 2) == whole[:2]
    write(rows_file, ["lights up", "stop"])
    assert encoded_rows(rows_file, tokenizer_folder, None) != whole
    assert len(kept(tmp_path)) == 3


def test_a_damaged_file_is_made_anew(rows_file: Path, tokenizer_folder: Path, tmp_path: Path) -> None:
    expected = encoded_rows(rows_file, tokenizer_folder, None)
    (file,) = kept(tmp_path)
    file.write_bytes(file.read_bytes()[:-20])
    assert encoded_rows(rows_file, tokenizer_folder, None) == expected
    assert len(encoded_rows(rows_file, tokenizer_folder, None)) == 3
