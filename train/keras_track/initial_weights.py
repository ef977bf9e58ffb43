"""First weights of a student: from the teacher, or another Llama of its vocabulary, as far as the two shapes allow.

The embedding of a narrower student is the other's, projected on its principal directions. Layers are copied where
every width is the same; which ones is decided by a probe (validation loss before any training), since sources conflict:
Minitron (arXiv 2408.11796) drops late layers, arXiv 2511.05085 others.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from train.errors import UserError
from train.keras_track.hf_folder import hf_weights, set_hf_weights
from train.keras_track.student import StudentModel

Array = npt.NDArray[np.float32]
Weights = dict[str, Array]
EMBEDDING = "model.embed_tokens.weight"
LAYER_SHAPE = (
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "num_key_value_heads",
)


def initialise_from(source: Path, student: StudentModel, probe: Callable[[], float]) -> dict[str, Any]:
    """Sets the student's weights from those in `source`; the rest keeps its random start.

    Args:
        source: Hugging Face folder of a Llama with the same vocabulary.
        student: with random weights.
        probe: validation loss of the student as it is; the choice of layers with the lowest wins.

    Returns:
        What was done: `embedding` ("copied" or "projected", with the share of variance kept) and `layers`.

    Raises:
        UserError: its vocabulary is another one, or it has fewer layers or is narrower than the student.
    """
    weights, config = _read(source)
    own = hf_weights(student)
    _check(own, weights, student, config, source)
    embedding, kept = project(weights[EMBEDDING], own[EMBEDDING].shape[1])
    own[EMBEDDING] = embedding * (own[EMBEDDING].std() / embedding.std())  # the scale that the random layers expect
    done: dict[str, Any] = {"embedding": round(kept, 4), "layers": None}
    if _same_layers(student, config):
        own[EMBEDDING], own["model.norm.weight"] = weights[EMBEDDING], weights["model.norm.weight"]
        done["layers"] = _best_layers(student, own, weights, int(config["num_hidden_layers"]), probe)
    else:
        set_hf_weights(student, own)
    return done


def project(table: Array, width: int) -> tuple[Array, float]:
    """[V,D] → [V,width]: the best approximation of all inner products of rows; and the share of squared length kept."""
    if width == table.shape[1]:
        return table, 1.0
    _, lengths, directions = np.linalg.svd(table.astype(np.float64), full_matrices=False)
    kept = float((lengths[:width] ** 2).sum() / (lengths**2).sum())
    return (table @ directions[:width].T).astype(np.float32), kept


def layer_choices(depth: int, wanted: int) -> list[tuple[int, ...]]:
    """Which `wanted` of `depth` layers to try: evenly spaced, late or early middle dropped, the first ones."""
    even = tuple(round(i * (depth - 1) / max(wanted - 1, 1)) for i in range(wanted))
    late_dropped = (*range(wanted - 1), depth - 1)
    early_dropped = (0, *range(depth - wanted + 1, depth))
    return list(dict.fromkeys([even, late_dropped, early_dropped, tuple(range(wanted))]))


def _best_layers(
    student: StudentModel, own: Weights, weights: Weights, depth: int, probe: Callable[[], float]
) -> list[int]:
    losses: dict[tuple[int, ...], float] = {}
    choices = layer_choices(depth, student.shape.num_hidden_layers)
    for chosen in choices:
        set_hf_weights(student, own | _layers(weights, chosen))
        losses[chosen] = probe()
    best = min(choices, key=losses.__getitem__)
    set_hf_weights(student, own | _layers(weights, best))
    return list(best)


def _layers(weights: Weights, chosen: tuple[int, ...]) -> Weights:
    found: Weights = {}
    for place, number in enumerate(chosen):
        prefix = f"model.layers.{number}."
        found |= {
            name.replace(prefix, f"model.layers.{place}."): value
            for name, value in weights.items()
            if name.startswith(prefix)
        }
    return found


def _read(source: Path) -> tuple[Weights, dict[str, Any]]:
    files = sorted(source.glob("*.safetensors"))
    if not files or not (source / "config.json").exists():
        raise UserError(
            f"The student's first weights are to come from {source} (student.initial), which holds no model. Run "
            "'tandem finetune CONFIG' first, or set student.initial=random."
        )
    config: dict[str, Any] = json.loads((source / "config.json").read_text(encoding="utf-8"))
    return {name: value for file in files for name, value in load_file(file).items()}, config


def _check(own: Weights, weights: Weights, student: StudentModel, config: dict[str, Any], source: Path) -> None:
    (words, width), (other_words, other_width) = own[EMBEDDING].shape, weights[EMBEDDING].shape
    if words != other_words:
        raise UserError(
            f"The student's first weights are to come from {source} (student.initial), which has a vocabulary of "
            f"{other_words}; this run's has {words}. Train it on this run's data: tandem finetune CONFIG"
        )
    if width > other_width:
        raise UserError(
            f"student.hidden_size is {width}, that of {source} {other_width}: a wider student can't start from it. "
            "Lower student.hidden_size, or set student.initial=random."
        )
    if student.shape.num_hidden_layers > int(config["num_hidden_layers"]):
        raise UserError(
            f"student.num_hidden_layers is {student.shape.num_hidden_layers}, {source} has "
            f"{config['num_hidden_layers']}. Lower it, or set student.initial=random."
        )


def _same_layers(student: StudentModel, config: dict[str, Any]) -> bool:
    return all(getattr(student.shape, name) == config[name] for name in LAYER_SHAPE)
