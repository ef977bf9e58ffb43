"""All comparisons of an export, in order: float64, real rows, other runtimes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile.export.agreement import Row, agreement_gate, choose
from mobile.export.build import with_litertlm
from mobile.export.bundle import Variant
from mobile.export.gates import Gate, require_gates
from mobile.export.parity import compare, forced_logits, greedy_sequences, parity_gate
from mobile.export.runtimes import TEXTS, compiled_gate, legacy_gate, litertlm_gate, prompts
from mobile.export.speculative_gate import speculative_gate
from mobile.export.weights import Weights
from mobile.runtime.drafter import Drafter
from mobile.runtime.model import Model
from train.chat import ChatTokenizer
from train.config.schema import ExportConfig
from train.progress import say

OPTIONAL = "int4"  # left out where it fails its gate; every other failure fails the export
ASKED = 8  # validation prompts on which the runtimes are compared


@dataclass(frozen=True)
class Subject:
    """What is measured: the model in NumPy, and the folder with its files."""

    weights: Weights
    tokenizer: ChatTokenizer
    config: ExportConfig
    rows: Sequence[Row]
    folder: Path


def measure(
    subject: Subject, paths: dict[str, Path], seed: int, advance: Callable[[], None]
) -> tuple[list[Variant], list[Gate]]:
    """The files that stay, and every gate. GateError at once where the fp32 file differs from float64."""
    variants, gates = _compare(subject, paths, seed, advance)
    gates += _quality(variants, subject)
    variants = _without_failed(variants, gates)
    for variant in variants:
        gates += _other_runtimes(variant, subject)
        advance()
    for gate in gates:
        if gate.passed is None:
            say(f"export: gate {gate.name} {gate.message}")
    return variants, gates


def _compare(
    subject: Subject, paths: dict[str, Path], seed: int, advance: Callable[[], None]
) -> tuple[list[Variant], list[Gate]]:
    model = Model(paths["fp32"])
    sequences, logits = greedy_sequences(model, subject.weights, subject.config.parity_steps, seed, advance)
    parity = compare(sequences, logits)
    gate = parity_gate(parity, paths["fp32"].name, sequences)
    require_gates([gate])
    variants = [Variant("fp32", model, parity.figures())]
    for name in sorted(set(paths) - {"fp32"}):
        model = Model(paths[name])
        measured = compare(sequences, forced_logits(model, sequences, advance))
        variants.append(Variant(name, model, measured.figures()))
    return variants, [gate]


def _quality(variants: Sequence[Variant], subject: Subject) -> list[Gate]:
    choices = {variant.name: choose(variant.model, subject.rows) for variant in variants}
    thresholds = {str(name): share for name, share in subject.config.min_agreement.items()}
    return [agreement_gate(name, subject.rows, choices, thresholds) for name in choices if name != "fp32"]


def _without_failed(variants: list[Variant], gates: Sequence[Gate]) -> list[Variant]:
    failed = [gate for gate in gates if gate.name == OPTIONAL and gate.passed is False]
    for gate in failed:
        say(f"export: {OPTIONAL} is left out: {gate.message}")
    for variant in variants:
        if failed and variant.name == OPTIONAL:
            variant.model.path.unlink()
    return [variant for variant in variants if not failed or variant.name != OPTIONAL]


def _other_runtimes(variant: Variant, subject: Subject) -> list[Gate]:
    texts = [*TEXTS, *(row.question for row in subject.rows[:ASKED] if row.question)]
    asked = prompts(texts, subject.tokenizer, subject.config.window)
    stop_ids = [subject.tokenizer.stop_id]
    compiled = Model(variant.model.path, runner="compiled")
    gates = [compiled_gate(variant.name, variant.model, compiled, list(asked.values()), stop_ids)]
    if variant.model.verify_size:
        drafter = Drafter(json.loads((subject.folder / "tokenizer.json").read_text(encoding="utf-8")))
        gates.append(speculative_gate(variant.name, [variant.model, compiled], list(asked.values()), stop_ids, drafter))
    if variant.name == "portable":
        gates.append(legacy_gate(variant.model, list(asked.values())))
    if variant.name == "int8" and with_litertlm(subject.config):
        path = variant.model.path.with_suffix(".litertlm")
        gates.append(litertlm_gate(path, variant.model, asked, subject.tokenizer, stop_ids))
    return gates
