"""A local folder as the base model: what is wrong with it is said before anything is trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models

from train.base_model import base_folder, check_base, check_context
from train.chat import PAD, START, STOP
from train.config.schema import Config, ModelConfig
from train.data import STAGE
from train.errors import UserError
from train.stage import run_stage

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 269060552\n"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    write_tokenizer(tmp_path, [PAD, START, STOP])
    save_file({"weight": np.zeros(2, np.float32)}, tmp_path / "model.safetensors")
    return tmp_path


def write_tokenizer(folder: Path, specials: list[str]) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.add_special_tokens(specials)
    tokenizer.save(str(folder / "tokenizer.json"))


def found(folder: Path) -> Path:
    return base_folder(ModelConfig(source=str(folder), sha256=None))


def test_a_whole_folder_is_taken(base: Path) -> None:
    assert found(base) == base


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
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


def spoil_kind(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "qwen2"}')


def spoil_tokens(folder: Path) -> None:
    write_tokenizer(folder, ["<|end_of_text|>", "<|begin_of_text|>", "<|eot_id|>"])  # as Llama 3 calls them


def spoil_size(folder: Path) -> None:
    """Tokens added to tokenizer.json alone: no weights belong to them."""
    (folder / "config.json").write_text('{"model_type": "llama", "vocab_size": 2}')


SPOILED = [
    (spoil_kind, "is a 'qwen2' model; Tandem trains Llama-style models"),
    (
        spoil_tokens,
        r"has no token '<\|im_start\|>', .* Use a base model that was trained with ChatML tokens, such as H",
    ),
    (spoil_size, "its tokenizer has 3 tokens, its embedding only 2"),
]


@pytest.mark.parametrize(("spoil", "said"), SPOILED)
def test_a_base_that_cannot_be_trained_is_refused_at_once(base: Path, spoil: Callable[[Path], None], said: str) -> None:
    spoil(base)
    with pytest.raises(UserError, match=said):
        check_base(ModelConfig(source=str(base), sha256=None))


@pytest.fixture
def hub(base: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A hub with one repository, a/base, as the folder `base` has it; the patterns that were fetched."""
    fetched: list[str] = []
    cache = tmp_path_factory.mktemp("hub") / "snapshot"

    def snapshot_download(repo: str, allow_patterns: list[str], local_files_only: bool = False) -> str:
        if repo != "a/base" or (local_files_only and not cache.exists()):
            raise LocalEntryNotFoundError("not in the cache")
        if not local_files_only:
            fetched.extend(allow_patterns)
            cache.mkdir(exist_ok=True)
            for file in (file for pattern in allow_patterns for file in base.glob(pattern)):
                shutil.copy(file, cache)
        return str(cache)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return fetched


HUB = ModelConfig(source="a/base", sha256=None)


@pytest.mark.parametrize(("spoil", "said"), SPOILED)
def test_of_a_hub_id_the_small_files_come_first(
    base: Path, hub: list[str], spoil: Callable[[Path], None], said: str
) -> None:
    spoil(base)
    for check in (check_base, base_folder):
        with pytest.raises(UserError, match=said):
            check(HUB)
    assert hub == ["*.json"]


def test_a_good_hub_id_is_fetched_whole(base: Path, hub: list[str]) -> None:
    check_base(HUB)
    check_base(HUB)  # from the cache
    assert hub == ["*.json"]
    assert {file.name for file in base_folder(HUB).iterdir()} == {"config.json", "tokenizer.json", "model.safetensors"}


def test_a_hub_id_out_of_reach_stops_only_what_needs_it(hub: list[str]) -> None:
    gone = ModelConfig(source="a/gone", sha256=None)
    check_base(gone)
    with pytest.raises(UserError, match=r"'a/gone' is neither a local folder .* Check the spelling, the network"):
        base_folder(gone)
    assert hub == []


def test_rows_longer_than_the_base_was_made_for_are_refused(
    base: Path, make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    config: dict[str, Any] = {"model_type": "llama", "max_position_embeddings": 100}
    (base / "config.json").write_text(json.dumps(config))
    check_context(str(base), base, 100)
    monkeypatch.setattr("train.data.build.load_rows", lambda *_: pytest.fail("rows were made"))
    with pytest.raises(
        UserError, match=r"data\.max_length is 128 tokens, but model\.source .* was made for 100 at most"
    ):
        run_stage(STAGE, make_config(model={"source": str(base), "shape": None}))
