"""A local folder as the base model: what is wrong with it is said before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models

from train.base_model import base_folder, check_base
from train.config.schema import Config, ModelConfig
from train.data import STAGE
from train.errors import UserError
from train.stage import run_stage

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 269060552\n"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    Tokenizer(models.BPE()).save(str(tmp_path / "tokenizer.json"))
    save_file({"weight": np.zeros(2, np.float32)}, tmp_path / "model.safetensors")
    return tmp_path


def found(folder: Path) -> Path:
    return base_folder(ModelConfig(source=str(folder), sha256=None))


def test_a_whole_folder_is_taken(base: Path) -> None:
    assert found(base) == base


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize(
    ("content", "said"), [(POINTER, "is a Git LFS pointer, .*'git lfs pull'"), (b'{"a', r"is damaged \(.+\)")]
)
def test_a_file_that_cannot_be_read_is_named(base: Path, name: str, content: bytes, said: str) -> None:
    (base / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"model\.source: .*{name} {said}"):
        found(base)


def test_what_is_missing_is_named(base: Path) -> None:
    (base / "model.safetensors").rename(base / "model.bin")
    with pytest.raises(UserError, match=r"no \.safetensors file\. Pickled weights"):
        found(base)
    (base / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"has no tokenizer\.json"):
        found(base)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("gone.gguf", r"there is no file gone\.gguf\. Correct the path; a relative one starts at the current folder"),
        ("./gone", r"there is no folder gone\. Correct the path"),
        ("package:x/y.gguf", "not of the form package:NAME==VERSION/FILE"),
    ],
)
def test_a_source_that_leads_nowhere_is_named(source: str, said: str) -> None:
    with pytest.raises(UserError, match=rf"model\.source.*{said}"):
        check_base(ModelConfig(source=source, sha256=None))


def test_a_bad_base_is_refused_before_rows_are_made(
    tmp_path: Path, base: Path, make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    (base / "config.json").unlink()
    config = make_config(model={"source": str(base), "shape": None})
    monkeypatch.setattr("train.data.build.load_rows", lambda *_: pytest.fail("rows were made"))
    with pytest.raises(UserError, match=r"has no config\.json"):
        run_stage(STAGE, config)
