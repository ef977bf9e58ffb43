"""Good files for the linter's tests: the project's own export, other makers' layouts, a .litertlm of the builder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.mobile.check import good_files
from train.chat import CHAT_TEMPLATE

STOP = 2
BuildBundle = Callable[..., Path]


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good files (and two bad ones of other makers); see good_files.py."""
    folder = tmp_path_factory.mktemp("good")
    good_files.make(folder)
    return folder


@pytest.fixture(scope="session")
def models(good: Path) -> dict[str, bytes]:
    """Variant to the bytes of this project's own export."""
    return {name: (good / f"{name}.tflite").read_bytes() for name in ("fp32", "int8")}


@pytest.fixture(scope="session")
def tokenizer_json(good: Path) -> str:
    """Byte-level BPE of 300 tokens; 0 <|endoftext|>, 1 <|im_start|>, 2 <|im_end|>."""
    return (good / "tokenizer" / "tokenizer.json").read_text()


def good_metadata() -> Any:
    """LlmMetadata without a fault."""
    from litert_lm_builder.runtime.proto import llm_metadata_pb2

    metadata: Any = llm_metadata_pb2.LlmMetadata()
    metadata.stop_tokens.add().token_ids.ids.append(STOP)
    metadata.jinja_prompt_template = CHAT_TEMPLATE
    metadata.llm_model_type.generic_model.SetInParent()
    metadata.supports_thinking = metadata.supports_function_calling = False
    return metadata


@pytest.fixture
def build(
    tmp_path: Path, models: dict[str, bytes], tokenizer_json: str, monkeypatch: pytest.MonkeyPatch
) -> BuildBundle:
    """Builds a .litertlm; `change` edits the metadata, None for a part leaves its section out."""
    builder_module = pytest.importorskip("litert_lm_builder.litertlm_builder", reason="extra mobile: litert-lm-builder")

    def build_bundle(
        change: Callable[[Any], object] = lambda _: None,
        model: bytes | None = models["fp32"],
        tokenizer: str | None = tokenizer_json,
        metadata: bool = True,
        reproducible: bool = True,
    ) -> Path:
        builder = builder_module.LitertLmFileBuilder()
        if metadata:
            message = good_metadata()
            change(message)
            (tmp_path / "metadata.pb").write_bytes(message.SerializeToString())
            builder.add_llm_metadata(str(tmp_path / "metadata.pb"))
        if tokenizer is not None:
            (tmp_path / "tokenizer.json").write_text(tokenizer)
            builder.add_hf_tokenizer(str(tmp_path / "tokenizer.json"))
        if model is not None:
            (tmp_path / "model.tflite").write_bytes(model)
            builder.add_tflite_model(str(tmp_path / "model.tflite"), builder_module.TfLiteModelType.PREFILL_DECODE)
        if reproducible:
            monkeypatch.setattr(builder_module, "populate_system_metadata", lambda entries: entries)
        path = tmp_path / "bundle.litertlm"
        with path.open("wb") as stream:
            builder.build(stream)
        return path

    return build_bundle
