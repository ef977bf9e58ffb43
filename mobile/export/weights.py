"""The weights of a Hugging Face Llama folder as NumPy arrays, read without PyTorch.

TensorFlow and PyTorch must not share a process, so the folder (config.json and *.safetensors)
is read by `train/tensors.py`. What the exported decoder cannot express is refused here, by name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobile.export.rope import Llama3Scaling
from train.errors import UserError
from train.tensors import Array, read_tensors


@dataclass(frozen=True)
class Shape:
    """Shape of a Llama-style decoder; names as in Hugging Face's config.json."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rope_theta: float
    rms_norm_eps: float
    tied: bool
    rope_scaling: Llama3Scaling | None = None


@dataclass(frozen=True)
class Layer:
    """One decoder layer. Matrices are [out, in], as PyTorch keeps them; norms are [hidden_size]."""

    input_norm: Array
    query: Array  # [H*D, W]
    key: Array  # [KV*D, W]
    value: Array  # [KV*D, W]
    output: Array  # [W, H*D]
    post_norm: Array
    gate: Array  # [F, W]
    up: Array  # [F, W]
    down: Array  # [W, F]


@dataclass(frozen=True)
class Weights:
    """A whole model: `embedding` and `head` are [vocab_size, hidden_size], the same array where tied."""

    shape: Shape
    embedding: Array
    layers: list[Layer]
    final_norm: Array
    head: Array

    @property
    def parameters(self) -> int:
        """Number of weights; a tied table counts once."""
        layers = sum(int(array.size) for layer in self.layers for array in vars(layer).values())
        return layers + self.embedding.size + self.final_norm.size + (0 if self.shape.tied else self.head.size)


def read_weights(folder: Path) -> Weights:
    """The model in `folder` (config.json, *.safetensors) in float32.

    Raises UserError where a file is missing, a tensor has another shape than config.json says,
    or the model needs something the exported decoder does not have.
    """
    shape = read_shape(folder)
    tensors = read_tensors(folder)
    width, heads = shape.hidden_size, shape.num_attention_heads * shape.head_dim
    groups, inner = shape.num_key_value_heads * shape.head_dim, shape.intermediate_size

    def take(name: str, *expected: int) -> Array:
        if name not in tensors:
            raise UserError(f"{folder}: the safetensors files hold no tensor '{name}'. Save the whole model again.")
        if tensors[name].shape != expected:
            raise UserError(
                f"{folder}: tensor '{name}' has the shape {tensors[name].shape}, but config.json says {expected}. "
                "config.json and the weights are of different models; save the model again."
            )
        return tensors[name]

    layers = []
    for index in range(shape.num_hidden_layers):
        at = f"model.layers.{index}."
        layers.append(
            Layer(
                input_norm=take(at + "input_layernorm.weight", width),
                query=take(at + "self_attn.q_proj.weight", heads, width),
                key=take(at + "self_attn.k_proj.weight", groups, width),
                value=take(at + "self_attn.v_proj.weight", groups, width),
                output=take(at + "self_attn.o_proj.weight", width, heads),
                post_norm=take(at + "post_attention_layernorm.weight", width),
                gate=take(at + "mlp.gate_proj.weight", inner, width),
                up=take(at + "mlp.up_proj.weight", inner, width),
                down=take(at + "mlp.down_proj.weight", width, inner),
            )
        )
    embedding = take("model.embed_tokens.weight", shape.vocab_size, width)
    head = embedding if shape.tied else take("lm_head.weight", shape.vocab_size, width)
    return Weights(shape, embedding, layers, take("model.norm.weight", width), head)


def read_shape(folder: Path) -> Shape:
    """The shape in `folder`/config.json; UserError names what the exported decoder cannot express."""
    path = folder / "config.json"
    if not path.is_file():
        raise UserError(
            f"{path} does not exist. The export needs a Hugging Face folder; run the stage 'distill' first."
        )
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}). Save the model again.") from error
    _refuse_unsupported(config, path)
    try:
        heads = int(config["num_attention_heads"])
        return Shape(
            vocab_size=int(config["vocab_size"]),
            hidden_size=int(config["hidden_size"]),
            intermediate_size=int(config["intermediate_size"]),
            num_hidden_layers=int(config["num_hidden_layers"]),
            num_attention_heads=heads,
            num_key_value_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or int(config["hidden_size"]) // heads),
            rope_theta=float(_rope(config).get("rope_theta") or config.get("rope_theta") or 10_000.0),
            rms_norm_eps=float(config.get("rms_norm_eps", 1e-6)),
            tied=bool(config.get("tie_word_embeddings", False)),
            rope_scaling=_scaling(config),
        )
    except KeyError as error:
        raise UserError(f"{path} has no {error.args[0]!r}, which a Llama model needs. Save the model again.") from error


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """transformers 5 writes `rope_parameters`, transformers 4 `rope_scaling` and a top-level `rope_theta`."""
    return config.get("rope_parameters") or config.get("rope_scaling") or {}


def _rope_type(config: dict[str, Any]) -> str:
    rope = _rope(config)
    return str(rope.get("rope_type") or rope.get("type") or "default")


def _scaling(config: dict[str, Any]) -> Llama3Scaling | None:
    if _rope_type(config) != "llama3":
        return None
    rope = _rope(config)
    original = rope.get("original_max_position_embeddings") or config["max_position_embeddings"]
    return Llama3Scaling(
        factor=float(rope["factor"]),
        low_freq_factor=float(rope["low_freq_factor"]),
        high_freq_factor=float(rope["high_freq_factor"]),
        original_max_position_embeddings=int(original),
    )


def _refuse_unsupported(config: dict[str, Any], path: Path) -> None:
    rope, kind = _rope(config), _rope_type(config)
    checks = [
        ("model_type", config.get("model_type", "llama"), "llama"),
        ("attention_bias", bool(config.get("attention_bias", False)), False),
        ("mlp_bias", bool(config.get("mlp_bias", False)), False),
        ("hidden_act", config.get("hidden_act", "silu"), "silu"),
        ("rope scaling (rope_type)", kind, kind if kind == "llama3" else "default"),
        ("partial_rotary_factor", rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0)), 1.0),
        ("quantization_config", config.get("quantization_config"), None),
    ]
    for name, got, supported in checks:
        if got != supported:
            raise UserError(
                f"{path}: {name} is {got!r}, but the exported decoder only knows {supported!r}. "
                "Choose a model of the plain Llama kind."
            )
