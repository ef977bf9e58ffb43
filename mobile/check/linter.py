"""`tandem check FILE`: the rules, in order, on a .tflite or a .litertlm file.

What the file is, its first bytes tell, not its name. A model that ai-edge-litert can't even read is not looked
into further.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from mobile.check import (
    chat_template,
    dynamic_quantization,
    kv_cache,
    load,
    operators,
    origin,
    sections,
    signatures,
    special_tokens,
    tables,
    verify_signature,
)
from mobile.check.finding import LITERT, LITERT_LM, Fault, Finding, Rule, Severity, apply_rules
from mobile.check.litertlm_file import MAGIC, MODEL, PREFILL_DECODE, LitertlmFile, read_litertlm
from mobile.check.tflite_model import DamagedFileError, Data, TfliteModel, read_tflite
from train.errors import UserError

MODEL_RULES = (
    *operators.RULES, *signatures.RULES, *kv_cache.RULES, *verify_signature.RULES, *dynamic_quantization.RULES,
    *tables.RULES,
)  # fmt: skip
FILE_RULES = (*sections.RULES, *special_tokens.RULES, *chat_template.RULES)
BUNDLE_RULES = (*sections.RULES_WITH_MODEL, *special_tokens.RULES_WITH_MODEL)
EXPLAINS_REFUSAL = {"custom-op", "op-version"}


def check(path: Path) -> list[Finding]:
    """What is wrong with `path`. Raises UserError where it is no .tflite or .litertlm file at all."""
    _require_file(path)
    with path.open("rb") as file:
        # Unmapped when the last view of it is gone: views of the constants outlive this block.
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return _check_litertlm(path, data) if _kind(path, data) == "litertlm" else _check_model(path, data, 0, len(data))[0]


def _check_litertlm(path: Path, data: Data) -> list[Finding]:
    try:
        file = read_litertlm(data)
    except DamagedFileError as error:
        return _damage(LITERT_LM, f"the file is damaged or cut short: {error}")
    findings = apply_rules(FILE_RULES, file)
    section = file.first(MODEL, PREFILL_DECODE)
    if section is None:
        return findings
    found, model = _check_model(path, data[section.begin : section.end], section.begin, section.end - section.begin)
    if model is not None:
        bundle: tuple[LitertlmFile, TfliteModel] = (file, model)
        findings += apply_rules(BUNDLE_RULES, bundle)
    return findings + found


def _check_model(path: Path, data: Data, offset: int, length: int) -> tuple[list[Finding], TfliteModel | None]:
    findings = apply_rules(origin.RULES, origin.Origin(path, data))
    if any(finding.rule == "size" for finding in findings):
        return findings, None
    if bytes(data[4:8]) != b"TFL3":
        return findings + _damage(LITERT, "the model does not begin as a .tflite file does"), None
    loaded = load.load(path, offset, length)
    findings += apply_rules(load.RULES, loaded)
    if loaded.damaged:
        return findings, None
    try:
        model = read_tflite(data)
    except DamagedFileError as error:
        return findings + _damage(LITERT, f"the file is damaged: {error}"), None
    found = apply_rules(MODEL_RULES, model)
    if any(finding.rule in EXPLAINS_REFUSAL for finding in found):
        findings = [finding for finding in findings if finding.rule != "refused"]
    return findings + found, model


def _damage(runtime: str, message: str) -> list[Finding]:
    rule: Rule[None] = Rule("damaged", Severity.ERROR, runtime, lambda _: [Fault("file", message, load.COPY_AGAIN)])
    return list(rule.apply(None))


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise UserError(f"{path} is a folder. Name the .tflite or .litertlm file in it.")
    if not path.is_file():
        raise UserError(f"There is no file {path}. Name a .tflite or .litertlm file, e.g. of runs/demo/mobile.")
    if not path.stat().st_size:
        raise UserError(f"{path} is empty: a .tflite or .litertlm file was expected. Copy or export it again.")


def _kind(path: Path, data: Data) -> str:
    """By the first bytes; a file that only claims by its name to be one of the two is checked, and found damaged."""
    if bytes(data[:8]) == MAGIC:
        return "litertlm"
    if bytes(data[4:8]) == b"TFL3":
        return "tflite"
    if path.suffix in (".tflite", ".litertlm"):
        return path.suffix[1:]
    raise UserError(
        f"{path} is neither a .tflite nor a .litertlm file: it begins with {bytes(data[:8])!r}. "
        "Name the exported file; of a .keras file, run `tandem export` first."
    )
