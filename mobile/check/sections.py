"""Rules about a .litertlm file as a container: version, sections, metadata fields, reproducible bytes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from mobile.check.finding import EVERY, LITERT_LM, Fault, Rule, Severity
from mobile.check.litertlm_file import (
    EMBEDDER,
    HF_TOKENIZER,
    METADATA,
    MODEL,
    PREFILL_DECODE,
    SP_TOKENIZER,
    LitertlmFile,
)
from mobile.check.tensor_names import TOKENS, find
from mobile.check.tflite_model import TfliteModel

READ_MAJOR = 1
REQUIRED_FIELDS = ("supports_thinking", "supports_function_calling")


def other_version(file: LitertlmFile) -> Iterator[Fault]:
    if file.version[0] != READ_MAJOR:
        yield Fault(
            "header",
            f"its format version is {'.'.join(map(str, file.version))}; LiteRT-LM 0.18 reads version {READ_MAJOR}",
            "Build the file again with litert-lm-builder 0.18, or use a newer LiteRT-LM.",
        )


def missing_sections(file: LitertlmFile) -> Iterator[Fault]:
    found = ", ".join(section.kind for section in file.sections) or "none"
    if file.first(MODEL, PREFILL_DECODE) is None:
        yield Fault(
            "sections",
            f"no model of type PREFILL_DECODE; sections: {found}",
            "Add the .tflite file with add_tflite_model(path, TfLiteModelType.PREFILL_DECODE).",
        )
    if file.first(METADATA) is None:
        yield Fault(
            "sections",
            f"no LlmMetadata: the process aborts when it opens the file; sections: {found}",
            "Add LlmMetadata with stop tokens and a template (add_llm_metadata).",
        )
    if file.first(HF_TOKENIZER) is None and file.first(SP_TOKENIZER) is None:
        yield Fault("sections", f"no tokenizer; sections: {found}", "Add tokenizer.json with add_hf_tokenizer.")


def unreadable_sections(file: LitertlmFile) -> Iterator[Fault]:
    for name, error in (("LlmMetadata", file.metadata_error), ("tokenizer", file.tokenizer_error)):
        if error is not None:
            yield Fault(name, f"the section cannot be read: {error}", "Build the file again from whole parts.")


def missing_fields(file: LitertlmFile) -> Iterator[Fault]:
    missing = [name for name in REQUIRED_FIELDS if file.metadata is not None and not file.metadata.HasField(name)]
    if missing:
        yield Fault(
            "LlmMetadata",
            f"{' and '.join(missing)} not set: litert-lm-builder's validation refuses the file",
            "Set both, to true or false; builder.build(stream, validate_metadata=True) checks it.",
        )


def not_reproducible(file: LitertlmFile) -> Iterator[Fault]:
    """litert-lm-builder puts a random uuid (version 4) and the time, with microseconds, into every header."""
    cure = "Set uuid and creation_timestamp from the contents, as `tandem export` does (LiteRT-LM issue 4064)."
    if _random(str(file.system.get("uuid", ""))):
        yield Fault("header", "the uuid is random: the same student gives other bytes at every export", cure)
    if "." in str(file.system.get("creation_timestamp", "")):
        yield Fault("header", "the creation time is that of the build: other bytes at every export", cure)


def unknown_sampler(file: LitertlmFile) -> Iterator[Fault]:
    """Measured: with TOP_K or GREEDY the first message fails; greedy is TOP_P with k 1."""
    if file.metadata is None or not file.metadata.HasField("sampler_params"):
        return
    sampler = file.metadata.sampler_params
    name = sampler.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[sampler.type].name
    if name not in ("TYPE_UNSPECIFIED", "TOP_P"):
        yield Fault(
            "LlmMetadata",
            f"the sampler {name} is unknown on the CPU: the first message fails",
            "Set sampler_params to TOP_P; k: 1 makes it greedy.",
        )


def missing_embedder(bundle: tuple[LitertlmFile, TfliteModel]) -> Iterator[Fault]:
    """A model that takes embeddings needs the section that makes them."""
    file, model = bundle
    reads_tokens = model.decode is None or find(model.decode.inputs, TOKENS) is not None
    if not reads_tokens and file.first(MODEL, EMBEDDER) is None:
        yield Fault(
            "sections",
            "decode takes embeddings instead of tokens, and no section of type EMBEDDER makes them",
            "Add the embedder's .tflite file, or export a model that takes tokens.",
        )


def _random(text: str) -> bool:
    try:
        return uuid.UUID(text).version == 4
    except ValueError:
        return False


RULES = (
    Rule("header-version", Severity.ERROR, LITERT_LM, other_version),
    Rule("sections", Severity.ERROR, LITERT_LM, missing_sections),
    Rule("unreadable-section", Severity.ERROR, LITERT_LM, unreadable_sections),
    Rule("sampler", Severity.ERROR, LITERT_LM, unknown_sampler),
    Rule("required-fields", Severity.WARNING, "litert-lm-builder", missing_fields),
    Rule("reproducible", Severity.WARNING, EVERY, not_reproducible),
)
RULES_WITH_MODEL = (Rule("embedder", Severity.ERROR, LITERT_LM, missing_embedder),)
