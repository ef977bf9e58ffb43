"""First weights of a student: from the teacher, or another Llama of its vocabulary, as far as the two shapes allow.

The embedding of a narrower student is the other's, projected on its principal directions. Layers are copied where width
and heads are the same, with their strongest neurons where the student has fewer. Which layers is best said
(student.initial_layers): those that copy, which train/torch_track/induction.py finds. Else a probe decides (validation
loss before any training), since sources conflict: Minitron (arXiv 2408.11796) drops late layers, arXiv 2511.05085 not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from train.errors import UserError
from train.keras_track.hf_folder import hf_weights, set_hf_weights
from train.keras_track.student import StudentModel
from train.progress import say
from train.shared_vocabulary import aligned, vocabulary
from train.tensors import read_tensors

Array = npt.NDArray[np.float32]
Weights = dict[str, Array]
EMBEDDING = "model.embed_tokens.weight"


def initialise_from(
    source: Path,
    student: StudentModel,
    probe: Callable[[], float],
    layers: Sequence[int] | None = None,
    tokenizer: Path | None = None,
) -> dict[str, Any]:
    """Sets the student's weights from those in `source`; the rest keeps its random start.

    Args:
        source: Hugging Face folder of a Llama with the same vocabulary.
        student: with random weights.
        probe: validation loss of the student as it is; the choice of layers with the lowest wins.
        layers: which of the source's to copy, one a layer of the student; None: the probe decides.
        tokenizer: folder of the student's; rows of the embedding are matched by token where the source has another
            one. None: it has the same.

    Returns:
        What was done: `embedding` (share of squared length kept), `layers` (None where those of the source are no
        layers of the student's kind: `differ` then says in what), and `new_tokens` where its vocabulary is another one.

    Raises:
        UserError: its vocabulary is another one, it has fewer layers or a smaller width than the student, or
            `layers` can't be copied.
    """
    weights, config = _read(source)
    own = hf_weights(student)
    new = _match_tokens(weights, source, tokenizer)
    _check(own, weights, student, config, source)
    missing = [number for number in layers or () if number >= int(config["num_hidden_layers"])]
    if missing:
        raise UserError(
            f"student.initial_layers names layer {missing[0]}, {source} has {config['num_hidden_layers']} (from 0)."
        )
    embedding, kept = project(weights[EMBEDDING], own[EMBEDDING].shape[1])
    own[EMBEDDING] = embedding * (own[EMBEDDING].std() / embedding.std())  # the scale that the random layers expect
    done: dict[str, Any] = {"embedding": round(kept, 4), "layers": None}
    if not config.get("tie_word_embeddings", False):
        say(f"distill: the output head of {source} is left out: the student's is its embedding")
    others = _differences(student, config)
    if not others:
        own[EMBEDDING], own["model.norm.weight"] = weights[EMBEDDING], weights["model.norm.weight"]
        depth = int(config["num_hidden_layers"])
        choices = layer_choices(depth, student.shape.num_hidden_layers) if layers is None else [tuple(layers)]
        done["layers"] = _best_layers(student, own, weights, choices, probe)
    elif layers is not None:
        raise UserError(
            f"student.initial_layers names layers of {source} to copy, but the student's layers are others: "
            f"{', '.join(others)}. Give the student the source's values, or leave initial_layers out: then only the "
            "embedding is taken."
        )
    else:
        done["differ"] = others
        set_hf_weights(student, own)
    return done if new is None else {**done, "new_tokens": new}


def _match_tokens(weights: Weights, source: Path, tokenizer: Path | None) -> int | None:
    """Puts the embedding into the order of the student's tokens; how many are new, None where nothing differs."""
    ours, theirs = ({} if folder is None else vocabulary(folder) for folder in (tokenizer, source))
    if not ours or not theirs or ours == theirs:
        return None
    weights[EMBEDDING], new = aligned(weights[EMBEDDING], theirs, ours, source, "student.initial")
    return new


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
    student: StudentModel,
    own: Weights,
    weights: Weights,
    choices: Sequence[tuple[int, ...]],
    probe: Callable[[], float],
) -> list[int]:
    losses: dict[tuple[int, ...], float] = {}
    neurons = student.shape.intermediate_size
    for chosen in choices:
        set_hf_weights(student, own | _layers(weights, chosen, neurons))
        losses[chosen] = probe() if len(choices) > 1 else 0.0
    best = min(choices, key=losses.__getitem__)
    set_hf_weights(student, own | _layers(weights, best, neurons))
    return list(best)


def strongest_neurons(layer: Weights, count: int) -> Array:
    """Which neurons of a feed-forward part stay, in their order: as train/torch_track/prune.py chooses them.

    Args:
        layer: gate_proj and up_proj [I,D], down_proj [D,I], the norm's gain [D], by the ends of their names.
    """
    gain = layer["post_attention_layernorm.weight"]
    strength = np.linalg.norm(layer["mlp.gate_proj.weight"] * gain, axis=1)
    strength = strength * np.linalg.norm(layer["mlp.up_proj.weight"] * gain, axis=1)
    strength = strength * np.linalg.norm(layer["mlp.down_proj.weight"], axis=0)
    return np.sort(np.argsort(-strength, kind="stable")[:count])


def _layers(weights: Weights, chosen: tuple[int, ...], neurons: int) -> Weights:
    found: Weights = {}
    for place, number in enumerate(chosen):
        prefix = f"model.layers.{number}."
        layer = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
        kept = strongest_neurons(layer, neurons)
        layer |= {name: layer[name][kept] for name in ("mlp.gate_proj.weight", "mlp.up_proj.weight")}
        layer["mlp.down_proj.weight"] = layer["mlp.down_proj.weight"][:, kept]
        found |= {f"model.layers.{place}.{name}": value for name, value in layer.items()}
    return found


def _read(source: Path) -> tuple[Weights, dict[str, Any]]:
    files = sorted(source.glob("*.safetensors"))
    if not files or not (source / "config.json").exists():
        raise UserError(
            f"The student's first weights are to come from {source} (student.initial), which holds no model. Run "
            "'tandem finetune CONFIG' first, or set student.initial=random."
        )
    config: dict[str, Any] = json.loads((source / "config.json").read_text(encoding="utf-8"))
    return read_tensors(source), config


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


def _differences(student: StudentModel, config: dict[str, Any]) -> list[str]:
    """In what a layer of the source is no layer of the student: "rope_theta 100000.0 and 10000.0"."""
    shape = student.shape
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}  # transformers 5 and 4
    width, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    pairs = {
        "hidden_size": (shape.hidden_size, width),
        "num_attention_heads": (shape.num_attention_heads, heads),
        "num_key_value_heads": (shape.num_key_value_heads, int(config.get("num_key_value_heads") or heads)),
        "head_dim": (shape.hidden_size // shape.num_attention_heads, int(config.get("head_dim") or width // heads)),
        "rope_theta": (shape.rope_theta, float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0)),
        "rope_type": ("default", rope.get("rope_type") or rope.get("type") or "default"),
        "rms_norm_eps": (shape.rms_norm_eps, float(config.get("rms_norm_eps", 1e-6))),
        "attention_bias": (False, bool(config.get("attention_bias"))),
        "mlp_bias": (False, bool(config.get("mlp_bias"))),
    }
    found = [f"{name} {ours} and {theirs}" for name, (ours, theirs) in pairs.items() if ours != theirs]
    if shape.intermediate_size > int(config["intermediate_size"]):
        found.append(f"intermediate_size {shape.intermediate_size} above {config['intermediate_size']}")
    return found
