"""Stage `export`: student/hf to mobile/. TensorFlow lives in this process, so PyTorch must not.

read weights → convert → quantise → compare with float64 → bundle.json. A file that does not
compute what the student computes is never written.
"""

from __future__ import annotations

import resource
import shutil
import time
from pathlib import Path
from typing import Any

from mobile.export.bundle import Variant, describe
from mobile.export.convert import convert
from mobile.export.parity import compare, forced_logits, greedy_sequences, prompt_lengths, require_parity
from mobile.export.quantize import check_tables, quantize_int8
from mobile.export.weights import Weights, read_weights
from mobile.runtime.chat import Chat
from mobile.runtime.model import Model
from train.atomic import whole_folder, write_json
from train.chat import ChatTokenizer
from train.config.schema import ExportConfig
from train.errors import UserError
from train.progress import Meter, progress, say
from train.runs import StageContext


def run(context: StageContext) -> dict[str, Any]:
    """Writes run/mobile. Headline: bytes and parity figures a variant, parameters, seconds, peak memory."""
    started = time.monotonic()
    config, run_folder = context.config.export, context.run
    weights = read_weights(run_folder.student / "hf")
    tokenizer = ChatTokenizer.load(run_folder.data / "tokenizer")
    if tokenizer.vocab_size != weights.shape.vocab_size:
        raise UserError(
            f"The tokenizer {run_folder.data / 'tokenizer'} has {tokenizer.vocab_size} tokens, the student "
            f"{run_folder.student / 'hf'} has {weights.shape.vocab_size}. Run the stage 'distill' again."
        )
    with whole_folder(run_folder.mobile) as folder:
        bundle = export(weights, tokenizer, config, run_folder.data, folder, context.config.seed)
    for name, entry in bundle["variants"].items():
        figures = {"bytes": entry["bytes"], **entry["parity"]}
        context.tracker.log({f"artifact/student-tflite-{name}/{key}": value for key, value in figures.items()})
    return _headline(bundle, time.monotonic() - started)


def export(
    weights: Weights, tokenizer: ChatTokenizer, config: ExportConfig, data: Path, folder: Path, seed: int
) -> dict[str, Any]:
    """Fills `folder`; returns the contents of bundle.json. Raises GateError where the float32 file is wrong."""
    lengths = prompt_lengths(sorted(set(config.prefill)), config.window)
    compared = len({"fp32", *config.variants})
    with progress("export", 2 + compared * len(lengths), "steps") as meter:
        paths = _write_models(weights, config, folder, meter)
        variants = _compare(weights, paths, config.parity_steps, seed, meter)
    if "fp32" not in config.variants:
        paths["fp32"].unlink()
        variants = [variant for variant in variants if variant.name != "fp32"]
    shutil.copyfile(data / "tokenizer" / "tokenizer.json", folder / "tokenizer.json")
    tools = (data / "tools.json").is_file()
    if tools:
        shutil.copyfile(data / "tools.json", folder / "tools.json")
    bundle = describe(folder, variants, weights, tokenizer, "tools.json" if tools else None)
    write_json(folder / "bundle.json", bundle)
    for variant in variants:
        Chat(folder, variant.name).self_test()
    return bundle


def _write_models(weights: Weights, config: ExportConfig, folder: Path, meter: Meter) -> dict[str, Path]:
    float_model = convert(weights, config.prefill, config.window)
    check_tables(float_model, weights.shape, "FLOAT32")
    models = {"fp32": float_model}
    meter.advance()
    if "int8" in config.variants:
        models["int8"] = quantize_int8(float_model, weights.shape)
    meter.advance()
    paths = {name: folder / f"student-{name}.tflite" for name in models}
    for name, path in paths.items():
        path.write_bytes(models[name])
    return paths


def _compare(weights: Weights, paths: dict[str, Path], steps: int, seed: int, meter: Meter) -> list[Variant]:
    """Loads every file and measures it; fp32, which makes the sequences, must pass the gate."""
    model = Model(paths["fp32"])
    sequences, logits = greedy_sequences(model, weights, steps, seed, meter.advance)
    parity = compare(sequences, logits)
    require_parity(parity, paths["fp32"].name)
    variants = [Variant("fp32", model, parity.figures())]
    for name in sorted(set(paths) - {"fp32"}):
        model = Model(paths[name])
        measured = compare(sequences, forced_logits(model, sequences, meter.advance))
        variants.append(Variant(name, model, measured.figures()))
    return variants


def _headline(bundle: dict[str, Any], seconds: float) -> dict[str, Any]:
    # Linux reports kilobytes. The peak is of the whole process, TensorFlow's own libraries included.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    variants = bundle["variants"]
    for entry in variants.values():
        parity = entry["parity"]
        say(
            f"export: {entry['file']} {entry['bytes'] / 1e6:.2f} MB, logits within "
            f"{parity['max_logit_difference']:.2g} of the student, top-1 {parity['top1_agreement']:.1%}"
        )
    say(f"export: {bundle['model']['parameters']:,} weights, {seconds:.0f} s, peak memory {peak:.0f} MB")
    return {
        "parameters": bundle["model"]["parameters"],
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(peak, 1),
        "bytes": {name: entry["bytes"] for name, entry in variants.items()},
        "parity": {name: entry["parity"] for name, entry in variants.items()},
    }
