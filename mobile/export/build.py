"""Writes the files of an export, nothing else: the same weights and config give the same bytes (`verify.py`)."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

from mobile.export.convert import convert
from mobile.export.litertlm import build_litertlm
from mobile.export.quantize import check_blocks, check_tables, quantize
from mobile.export.source import Source
from mobile.export.tools import find_tools
from mobile.export.weights import Shape, Weights
from train.chat import ChatTokenizer
from train.config.schema import ExportConfig
from train.errors import MissingExtraError


def with_litertlm(config: ExportConfig) -> bool:
    """The `.litertlm` is made from the int8 file, so it comes with that one only."""
    return config.litertlm and "int8" in config.variants


def check_ability(config: ExportConfig, shape: Shape) -> None:
    """Finds out before the first minute of work what would fail after it: missing libraries, an int4 shape."""
    needed = {"ai_edge_litert": "ai-edge-litert", "tensorflow": "tensorflow"}
    if set(config.variants) - {"fp32"}:
        needed["ai_edge_quantizer"] = "ai-edge-quantizer"
    if with_litertlm(config):
        needed |= {"litert_lm_builder": "litert-lm-builder", "litert_lm": "litert-lm-api"}
    for module, library in needed.items():
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(library, "tensorflow" if library == "tensorflow" else "mobile", "The export")
    if "int4" in config.variants:
        check_blocks(shape, config.int4_block)


def build_models(
    weights: Weights, config: ExportConfig, name: str, folder: Path, advance: Callable[[], None]
) -> dict[str, Path]:
    """NAME-VARIANT.tflite of every variant, and always of fp32, from which the others are made."""
    paths: dict[str, Path] = {}
    variants = sorted({"fp32", *map(str, config.variants)})
    for verify in dict.fromkeys(verify_size(variant, config) for variant in variants):  # one float file at a time
        float_model = convert(weights, config.prefill, config.window, verify)
        check_tables(float_model, weights.shape, "FLOAT32")
        for variant in (one for one in variants if verify_size(one, config) == verify):
            model = float_model
            if variant != "fp32":
                model = quantize(float_model, variant, weights.shape, config.int4_block)
            paths[variant] = folder / f"{name}-{variant}.tflite"
            paths[variant].write_bytes(model)
            advance()
    return paths


def verify_size(variant: str, config: ExportConfig) -> int | None:
    """Tokens of the variant's verify_N; None where it has none: with int4 blocks it takes three decode steps and more,
    and so gains nothing; and the Interpreter, which runs the portable file, packs the weights once more for it
    (mobile/LOG.md)."""
    blocks = variant == "int4" and config.int4_block is not None
    return None if blocks or variant == "portable" else config.verify


def build_rest(source: Source, tokenizer: ChatTokenizer, config: ExportConfig, data: Path, folder: Path) -> None:
    """tokenizer.json, tools.json where the data has functions, and the `.litertlm`."""
    shutil.copyfile(source.tokenizer / "tokenizer.json", folder / "tokenizer.json")
    tools = find_tools(data / "tools.json")
    if tools is not None:
        shutil.copyfile(tools, folder / "tools.json")
    if with_litertlm(config):
        model = folder / f"{source.name}-int8.tflite"
        bundle = build_litertlm(model, folder / "tokenizer.json", [tokenizer.stop_id], tokenizer.pad_id, config.window)
        model.with_suffix(".litertlm").write_bytes(bundle)
