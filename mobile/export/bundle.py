"""bundle.json: all that a runtime needs to know about the files beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mobile.export.gates import Gate
from mobile.export.greedy import sure_ids
from mobile.export.weights import Weights
from mobile.runtime.bundle import FORMAT_VERSION
from mobile.runtime.model import Model
from train.atomic import sha256_file
from train.chat import CHAT_TEMPLATE, ChatTokenizer
from train.config.schema import ExportConfig

GOLDEN_TEXT = "turn on the kitchen lights"
GOLDEN_STEPS = 8

LICENCES = {
    "runtime": "the licence of this project (LICENSE)",
    "model": "the licences of the base model and of the training data; see the model and data cards of the run",
}


@dataclasses.dataclass(frozen=True)
class Variant:
    """One .tflite file of the bundle, loaded from the folder that is being written."""

    name: str
    model: Model
    parity: dict[str, Any]


def golden_messages() -> list[dict[str, Any]]:
    return [{"role": "user", "content": GOLDEN_TEXT}]


def describe(
    folder: Path,
    variants: Sequence[Variant],
    gates: Sequence[Gate],
    weights: Weights,
    tokenizer: ChatTokenizer,
    config: ExportConfig,
) -> dict[str, Any]:
    """The contents of bundle.json for `folder`, whose other files are all written."""
    names = {path.name for path in folder.iterdir()}
    shape = weights.shape
    prompt = fit_prompt(tokenizer.prompt(golden_messages()), variants[0].model.window)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return {
        "format_version": FORMAT_VERSION,
        "model": {**dataclasses.asdict(shape), "parameters": weights.parameters},
        "vocab_size": shape.vocab_size,
        "window": variants[0].model.window,
        "prefill": variants[0].model.buckets,
        "verify": config.verify,
        "start_id": tokenizer.start_id,
        "stop_ids": [tokenizer.stop_id],
        "chat_template": CHAT_TEMPLATE,
        "tokenizer_file": "tokenizer.json",
        "tools_file": "tools.json" if "tools.json" in names else None,
        "litertlm_file": next((name for name in sorted(names) if name.endswith(".litertlm")), None),
        "variants": {
            variant.name: {
                "file": variant.model.path.name,
                "bytes": variant.model.path.stat().st_size,
                "parity": variant.parity,
                "signatures": variant.model.signatures(),
            }
            for variant in variants
        },
        "int4_block": config.int4_block,
        "gates": {gate.name: gate.entry() for gate in gates},
        "golden": {
            "messages": golden_messages(),
            "prompt_ids": prompt,
            "first_ids": {variant.name: golden_ids(variant.model, prompt) for variant in variants},
        },
        "licences": LICENCES,
        "files": {path.name: {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for path in files},
        "constrain": config.constrain if "tools.json" in names else "off",
    }


def fit_prompt(ids: list[int], window: int) -> list[int]:
    """The golden prompt, cut where a very short window (tests) does not hold it."""
    return ids[: max(1, window - GOLDEN_STEPS)]


def golden_ids(model: Model, prompt: Sequence[int]) -> list[int]:
    """The first greedy ids after `prompt`, up to the first that is close to a tie."""
    return sure_ids(model, prompt, GOLDEN_STEPS).ids
