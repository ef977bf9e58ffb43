"""A .litertlm file as the rules see it: header, sections, metadata, tokenizer, the model inside.

Layout: "LITERTLM", three version numbers, the end of the header, the header (a flatbuffer, read with the schema
of litert-lm-builder), then sections at multiples of 16 KB.
"""

from __future__ import annotations

import importlib
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from mobile.check.tflite_model import UNREADABLE, DamagedFileError, Data
from train.errors import MissingExtraError

MAGIC = b"LITERTLM"
MODEL, METADATA, HF_TOKENIZER, SP_TOKENIZER = "TFLiteModel", "LlmMetadataProto", "HF_Tokenizer_Zlib", "SP_Tokenizer"
MOST_ENTRIES = 4096  # a damaged header may claim billions
PREFILL_DECODE, EMBEDDER = "tf_lite_prefill_decode", "tf_lite_embedder"


@dataclass(frozen=True)
class Section:
    """Bytes [begin, end) of the file; `model_type` is None where the header does not tell."""

    kind: str
    model_type: str | None
    begin: int
    end: int


@dataclass(frozen=True)
class LitertlmFile:
    """`metadata` is the LlmMetadata message, `tokenizer` a tokenizers.Tokenizer; None where absent or unreadable."""

    version: tuple[int, int, int]
    system: dict[str, Any]
    sections: list[Section]
    metadata: Any
    metadata_error: str | None
    tokenizer: Any
    tokenizer_error: str | None

    def first(self, kind: str, model_type: str | None = None) -> Section | None:
        """The first section of a kind; a model whose type is not told counts as PREFILL_DECODE."""
        for section in self.sections:
            if section.kind == kind and model_type in (None, section.model_type or PREFILL_DECODE):
                return section
        return None


def read_litertlm(data: Data) -> LitertlmFile:
    """Raises DamagedFileError where the header or a section is not whole."""
    version, header = _header(data)
    try:
        system, sections = _contents(header)
    except UNREADABLE as error:
        raise DamagedFileError(f"its header cannot be read ({type(error).__name__}: {error})") from error
    for number, section in enumerate(sections):
        if not section.begin < section.end <= len(data):
            raise DamagedFileError(
                f"section {number} ({section.kind}) is bytes {section.begin} to {section.end} of a file of {len(data)}"
            )
    metadata, metadata_error = _metadata(data, sections)
    tokenizer, tokenizer_error = _tokenizer(data, sections)
    return LitertlmFile(version, system, sections, metadata, metadata_error, tokenizer, tokenizer_error)


def _header(data: Data) -> tuple[tuple[int, int, int], Data]:
    core = _library("litertlm_core")
    if len(data) < core.HEADER_BEGIN_BYTE_OFFSET or bytes(data[:8]) != MAGIC:
        raise DamagedFileError(f"it begins with {bytes(data[:8])!r}, not with {MAGIC!r} and a header")
    version = struct.unpack("<III", data[8:20])
    (end,) = struct.unpack("<Q", data[core.HEADER_END_LOCATION_BYTE_OFFSET : core.HEADER_BEGIN_BYTE_OFFSET])
    if not core.HEADER_BEGIN_BYTE_OFFSET < end <= len(data):
        raise DamagedFileError(f"its header ends at byte {end} of a file of {len(data)}")
    return version, data[core.HEADER_BEGIN_BYTE_OFFSET : end]


def _contents(header: Data) -> tuple[dict[str, Any], list[Section]]:
    core, peek = _library("litertlm_core"), _library("litertlm_peek")
    root = _library("litertlm_header_schema_py_generated").LiteRTLMMetaData.GetRootAs(header, 0)
    told, listed = root.SystemMetadata(), root.SectionMetadata()
    if max(told.EntriesLength() if told else 0, listed.ObjectsLength() if listed else 0) > MOST_ENTRIES:
        raise ValueError("it claims more entries than a header holds")
    entries = [peek.kvp_to_dict(told.Entries(i)) for i in range(told.EntriesLength())] if told else []
    sections = []
    for index in range(listed.ObjectsLength() if listed else 0):
        entry = listed.Objects(index)
        kind = core.any_section_data_type_to_string(entry.DataType())
        sections.append(Section(kind, peek.get_model_type(entry), entry.BeginOffset(), entry.EndOffset()))
    return {entry["key"]: entry["value"] for entry in entries}, sections


def _metadata(data: Data, sections: list[Section]) -> tuple[Any, str | None]:
    section = next((section for section in sections if section.kind == METADATA), None)
    if section is None:
        return None, None
    message = _library("runtime.proto.llm_metadata_pb2").LlmMetadata()
    try:
        message.ParseFromString(bytes(data[section.begin : section.end]))
    except Exception as error:  # protobuf's own DecodeError; its class differs between implementations
        return None, str(error)
    return message, None


def _tokenizer(data: Data, sections: list[Section]) -> tuple[Any, str | None]:
    """Of a Hugging Face tokenizer; a SentencePiece model is left to the runtime."""
    from tokenizers import Tokenizer

    section = next((section for section in sections if section.kind == HF_TOKENIZER), None)
    if section is None:
        return None, None
    packed = data[section.begin : section.end]
    try:
        text = zlib.decompress(packed[8:])  # before it: the size of the text, 8 bytes
        if len(text) != int.from_bytes(packed[:8], "little"):
            return None, "its text has another length than its header tells"
        return Tokenizer.from_buffer(text), None
    except Exception as error:  # `tokenizers` raises plain Exception
        return None, str(error)


def _library(module: str) -> Any:
    try:
        return importlib.import_module(f"litert_lm_builder.{module}")
    except ImportError as error:
        raise MissingExtraError("litert-lm-builder", "mobile", "Checking a .litertlm file") from error
