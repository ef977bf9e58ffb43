"""The int8 file, tokenizer and template as one `.litertlm` for LiteRT-LM and Google AI Edge Gallery.

Three sections: LlmMetadata (without it the runtime aborts), the tokenizer, the model as PREFILL_DECODE.
The builder puts a random uuid and the time into every header; both are set here from the contents, so that
the same student gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from train.chat import CHAT_TEMPLATE
from train.errors import MissingExtraError, TandemError

CREATED = "2000-01-01T00:00:00+00:00"  # the header wants a time; a real one would change the bytes
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://ai.google.dev/edge/litert-lm#tandem")


def build_litertlm(model: Path, tokenizer: Path, stop_ids: Sequence[int], pad_id: int, window: int) -> bytes:
    """The `.litertlm` of a .tflite file and a tokenizer.json.

    Raises MissingExtraError without litert-lm-builder, TandemError where the builder lays the file out in another way.
    """
    library = _library()
    metadata = llm_metadata(stop_ids, pad_id, window)
    identity = _identity(metadata, tokenizer.read_bytes(), model.read_bytes())
    with tempfile.TemporaryDirectory(prefix="tandem-litertlm-") as folder:
        path = Path(folder) / "metadata.pb"
        path.write_bytes(metadata)
        builder = library.LitertLmFileBuilder()
        builder.add_llm_metadata(str(path))
        builder.add_hf_tokenizer(str(tokenizer))
        builder.add_tflite_model(str(model), library.TfLiteModelType.PREFILL_DECODE)
        stream = io.BytesIO()
        header = _system_metadata(library, identity)
        with mock.patch.object(library, "populate_system_metadata", return_value=header):
            builder.build(stream, validate_metadata=True)
    built = stream.getvalue()
    if identity.encode() not in built:
        raise TandemError(
            "litert-lm-builder wrote a header of its own choice: the bundle would differ at every export. "
            "Use the pinned version of litert-lm-builder."
        )
    return built


def llm_metadata(stop_ids: Sequence[int], pad_id: int, window: int) -> bytes:
    """LlmMetadata, serialised. Sampling is greedy unless the app asks for something else.

    There is no start token: the prompt of this project begins with none, whatever the tokenizer's own
    post-processor would put before a text. `supports_function_calling` is about LiteRT-LM's own tool
    syntax; our calls are plain JSON text, which the app parses.
    """
    from litert_lm_builder.runtime.proto import llm_metadata_pb2, sampler_params_pb2

    message: Any = llm_metadata_pb2.LlmMetadata()
    for token in stop_ids:
        message.stop_tokens.add().token_ids.ids.append(token)
    message.pad_token.token_ids.ids.append(pad_id)
    message.max_num_tokens = window
    message.jinja_prompt_template = CHAT_TEMPLATE
    message.llm_model_type.generic_model.SetInParent()
    sampler = message.sampler_params  # greedy; LiteRT-LM 0.18.1 knows no type GREEDY or TOP_K on the CPU
    sampler.type = sampler_params_pb2.SamplerParameters.TOP_P
    sampler.k, sampler.p, sampler.temperature, sampler.seed = 1, 1.0, 1.0, 0
    message.supports_thinking = False
    message.supports_function_calling = False
    serialized: bytes = message.SerializeToString(deterministic=True)
    return serialized


def _identity(*parts: bytes) -> str:
    """A uuid that names these contents and no others."""
    return str(uuid.uuid5(NAMESPACE, " ".join(hashlib.sha256(part).hexdigest() for part in parts)))


def _system_metadata(library: Any, identity: str) -> list[Any]:
    def entry(key: str, value: str) -> Any:
        return library.Metadata(key=key, value=value, dtype=library.DType.STRING)

    return [entry("uuid", identity), entry("creation_timestamp", CREATED)]


def _library() -> Any:
    try:
        from litert_lm_builder import litertlm_builder
    except ImportError as error:
        raise MissingExtraError("litert-lm-builder", "mobile", "The .litertlm bundle") from error
    return litertlm_builder
