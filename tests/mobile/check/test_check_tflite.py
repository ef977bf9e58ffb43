"""The whole check of .tflite files: what ai-edge-litert says, sizes, hashes, other makers' layouts, bad input."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mobile.check.linter import check
from tests.mobile.check.editing import Edit, edited, weights, with_custom, write, zeroed
from train.errors import UserError


def short_weights(root: object) -> None:
    """The products' weights no longer fit their inputs."""
    for weight in weights(root, 9):
        weight.shape = [weight.shape[0], weight.shape[1] - 1]


def rules(path: Path) -> list[str]:
    return [finding.rule for finding in check(path)]


def test_good_files(good: Path) -> None:
    assert check(good / "fp32.tflite") == []
    assert rules(good / "int8.tflite") == ["silent-zeros"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("default", []),
        ("transposed", []),
        ("transposed_maskless", []),
        ("maskless", ["window"]),
        ("scatter", ["cache-write"]),
    ],
)
def test_layouts_of_litert_torch(name: str, expected: list[str], good: Path) -> None:
    assert sorted(set(rules(good / "vendors" / f"{name}.tflite"))) == expected


@pytest.mark.parametrize(
    ("expected", "edit"),
    [
        ("refused", short_weights),
        ("useless-logits", zeroed(300, 32)),
        ("custom-op", with_custom("FlexErf")),
    ],
)
def test_what_the_runtime_says(expected: str, edit: Edit, models: dict[str, bytes], tmp_path: Path) -> None:
    assert rules(write(tmp_path / "a.tflite", edited(models["fp32"], edit))) == [expected]


def test_damaged_files(models: dict[str, bytes], tmp_path: Path) -> None:
    model = models["int8"]
    for cut in (20, len(model) // 2, len(model) - 10):
        assert rules(write(tmp_path / "cut.tflite", model[:cut])) == ["damaged"], cut
    assert rules(write(tmp_path / "other.tflite", b"PK" + model[2:4] + b"XXXX" + model[8:])) == ["damaged"]


def test_more_than_a_flatbuffer_holds(models: dict[str, bytes], tmp_path: Path) -> None:
    """Sparse: it takes no room on the disk."""
    path = write(tmp_path / "large.tflite", models["fp32"])
    with path.open("r+b") as file:
        file.truncate(2**31)
    assert rules(path) == ["size"]


def test_flipped_bit_shows_in_the_hash(models: dict[str, bytes], tmp_path: Path) -> None:
    model = bytearray(models["fp32"])
    path = write(tmp_path / "student-fp32.tflite", bytes(model))
    entry = {"sha256": hashlib.sha256(model).hexdigest()}
    (tmp_path / "bundle.json").write_text(json.dumps({"files": {path.name: entry}}))
    assert check(path) == []
    model[len(model) // 2] ^= 1
    path.write_bytes(model)
    assert rules(path) == ["hash"]
    (tmp_path / "bundle.json").write_text("{")
    assert check(path) == []


def test_no_file_to_check(tmp_path: Path) -> None:
    (tmp_path / "empty.tflite").touch()
    (tmp_path / "a.keras").write_bytes(b"PK\x03\x04 and so on")
    for name, message in (
        ("missing.tflite", "There is no file"),
        (".", "is a folder"),
        ("empty.tflite", "is empty"),
        ("a.keras", "tandem export"),
    ):
        with pytest.raises(UserError, match=message):
            check(tmp_path / name)
