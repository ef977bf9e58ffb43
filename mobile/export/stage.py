"""Stage `export`: a Hugging Face folder to mobile/. TensorFlow lives in this process, so PyTorch must not.

estimate → read weights → convert → quantise → gates → bundle.json. A folder whose files do not compute what the model
computes is never written.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

from mobile.export.agreement import read_rows
from mobile.export.build import build_models, build_rest, check_ability
from mobile.export.bundle import describe
from mobile.export.estimate import estimate_bytes, require_fits
from mobile.export.gates import require_gates
from mobile.export.measure import OPTIONAL, Subject, measure
from mobile.export.parity import prompt_lengths
from mobile.export.source import Source, find_source
from mobile.export.tools import check_tools
from mobile.export.weights import Weights, read_shape, read_weights
from mobile.runtime.chat import Chat
from mobile.runtime.runner import quiet_exit
from train.atomic import whole_folder, write_json
from train.chat import ChatTokenizer
from train.config.schema import ExportConfig
from train.errors import UserError
from train.progress import progress, say
from train.runs import StageContext, require_disk


def run(context: StageContext) -> dict[str, Any]:
    """Writes run/mobile. Headline: bytes and parity figures a variant, gates, parameters, seconds, peak memory."""
    started = time.monotonic()
    quiet_exit()  # of CompiledModel, which one of the gates runs
    config, run_folder = context.config.export, context.run
    source = find_source(config.source, run_folder)
    check_tools(run_folder.data / "tools.json", config)
    announce(source, config, run_folder.path)
    weights, tokenizer = read_source(source)
    with whole_folder(run_folder.path / source.output) as folder:
        bundle = export(source, weights, tokenizer, config, run_folder.data, folder, context.config.seed)
    for name, entry in bundle["variants"].items():
        figures = {"bytes": entry["bytes"], **entry["parity"]}
        context.tracker.log({f"artifact/{source.name}-tflite-{name}/{key}": value for key, value in figures.items()})
    return _headline(bundle, config.source, time.monotonic() - started)


def announce(source: Source, config: ExportConfig, place: Path) -> None:
    """Says how large the files will be; refuses what cannot end well before anything heavy is loaded."""
    shape = read_shape(source.model)
    check_ability(config, shape)
    estimate = estimate_bytes(shape, config.prefill, config.window, config.variants, config.int4_block, config.verify)
    require_fits(estimate)
    sizes = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in estimate.items())
    say(f"export: {source.name}, estimated {sizes}")
    require_disk(place, 2 * sum(estimate.values()) / 1e6, "the export")  # the converter keeps a copy of its own


def read_source(source: Source) -> tuple[Weights, ChatTokenizer]:
    """Weights and tokenizer; UserError where they are not of one model."""
    weights, tokenizer = read_weights(source.model), ChatTokenizer.load(source.tokenizer)
    known, stored = tokenizer.vocab_size, weights.shape.vocab_size
    # Tables of published models are often padded: more rows than tokens. Our own student has none to spare.
    if known > stored or (source.name == "student" and known != stored):
        raise UserError(
            f"The tokenizer {source.tokenizer} has {known} tokens, the {source.name} {source.model} has {stored}. "
            + ("Run the stage 'distill' again." if source.name == "student" else "They are of different models.")
        )
    return weights, tokenizer


def export(
    source: Source,
    weights: Weights,
    tokenizer: ChatTokenizer,
    config: ExportConfig,
    data: Path,
    folder: Path,
    seed: int,
) -> dict[str, Any]:
    """Fills `folder`; returns the contents of bundle.json. Raises GateError where a gate fails."""
    steps = (len(prompt_lengths(sorted(set(config.prefill)), config.window)) + 2) * len({"fp32", *config.variants})
    with progress("export", steps, "steps") as meter:
        paths = build_models(weights, config, source.name, folder, meter.advance)
        build_rest(source, tokenizer, config, data, folder)
        rows = read_rows(data / "val.jsonl", tokenizer, config.gate_rows, config.window)
        variants, gates = measure(Subject(weights, tokenizer, config, rows, folder), paths, seed, meter.advance)
    alone = set(config.variants) == {OPTIONAL}  # then there is nothing to go on with
    require_gates([gate for gate in gates if alone or gate.name != OPTIONAL])
    if "fp32" not in config.variants:
        paths["fp32"].unlink()
        variants = [variant for variant in variants if variant.name != "fp32"]
    bundle = describe(folder, variants, gates, weights, tokenizer, config)
    write_json(folder / "bundle.json", bundle)
    for variant in variants:
        Chat(folder, variant.name).self_test()
    return bundle


def _headline(bundle: dict[str, Any], source: str, seconds: float) -> dict[str, Any]:
    # Linux reports kilobytes. The peak is of the whole process, TensorFlow's own libraries included.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    variants = bundle["variants"]
    for entry in variants.values():
        parity = entry["parity"]
        say(
            f"export: {entry['file']} {entry['bytes'] / 1e6:.2f} MB, logits within "
            f"{parity['max_logit_difference']:.2g} of float64, top-1 {parity['top1_agreement']:.1%}"
        )
    passed = sum(gate["passed"] is True for gate in bundle["gates"].values())
    say(
        f"export: {bundle['model']['parameters']:,} weights, {passed} of {len(bundle['gates'])} gates passed, "
        f"{seconds:.0f} s, peak memory {peak:.0f} MB"
    )
    return {
        "source": source,
        "parameters": bundle["model"]["parameters"],
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(peak, 1),
        "bytes": {name: entry["bytes"] for name, entry in variants.items()},
        "parity": {name: entry["parity"] for name, entry in variants.items()},
        "gates": {name: gate["passed"] for name, gate in bundle["gates"].items()},
    }
