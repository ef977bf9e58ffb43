"""The student as a Hugging Face folder (LlamaForCausalLM): every tool that reads Llamas reads it. No PyTorch needed.

Keras keeps kernels as [in,out] and the heads as an axis of their own; Hugging Face has [out,in] matrices:
q, k, v [D,H,d] → [H·d,D]; o [H,d,D] → [D,H·d]; feed-forward [in,out] → [out,in]. The rotary halves are the same.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from train.atomic import write_json
from train.chat import ChatTokenizer
from train.keras_track.student import StudentModel

MAX_POSITIONS = 2048  # at least; only a statement to other tools: rotary positions have no table
Array = npt.NDArray[np.float32]


def write_hf_folder(student: StudentModel, folder: Path, tokenizer_folder: Path, longest: int = 0) -> None:
    """Writes config.json, model.safetensors and the tokenizer's files to a new folder.

    Args:
        longest: tokens of the longest text that the student is made for; other tools cut at that, or at MAX_POSITIONS.
    """
    positions = max(MAX_POSITIONS, longest)
    folder.mkdir(parents=True)
    for file in sorted(tokenizer_folder.glob("*.json")):
        if file.name == "tokenizer_config.json":
            settings = json.loads(file.read_text(encoding="utf-8"))
            write_json(folder / file.name, settings | {"model_max_length": positions})
        elif file.name != "kept_ids.json":  # speaks of the base model's vocabulary, not of this model
            shutil.copyfile(file, folder / file.name)
    write_json(folder / "config.json", hf_config(student, ChatTokenizer.load(tokenizer_folder), positions))
    save_file(hf_weights(student), folder / "model.safetensors", metadata={"format": "pt"})


def hf_config(student: StudentModel, tokenizer: ChatTokenizer, positions: int) -> dict[str, Any]:
    """config.json of LlamaForCausalLM. `positions`: tokens of the longest text."""
    shape = student.shape
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": student.vocab_size,
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.intermediate_size,
        "num_hidden_layers": shape.num_hidden_layers,
        "num_attention_heads": shape.num_attention_heads,
        "num_key_value_heads": shape.num_key_value_heads,
        "head_dim": shape.hidden_size // shape.num_attention_heads,
        "rms_norm_eps": shape.rms_norm_eps,
        "rope_theta": shape.rope_theta,  # transformers 4 and most other tools
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta},  # transformers 5
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "max_position_embeddings": positions,
        "bos_token_id": tokenizer.start_id,
        "eos_token_id": tokenizer.stop_id,
        "pad_token_id": tokenizer.pad_id,
        "dtype": "float32",
        "torch_dtype": "float32",
    }


def hf_weights(student: StudentModel) -> dict[str, Array]:
    """Weights under Hugging Face's names, fp32. The tied head is left out."""
    backbone = student.backbone
    weights = {
        "model.embed_tokens.weight": backbone.token_embedding.embeddings,
        "model.norm.weight": backbone.layer_norm.scale,
    }
    for number, layer in enumerate(backbone.transformer_layers):
        for name, value in _layer(layer, student.shape.hidden_size).items():
            weights[f"model.layers.{number}.{name}.weight"] = value
    return {name: np.ascontiguousarray(np.asarray(value, dtype=np.float32)) for name, value in weights.items()}


def set_hf_weights(student: StudentModel, weights: dict[str, Array]) -> None:
    """The other way: sets the student's variables from weights under Hugging Face's names."""
    backbone = student.backbone
    backbone.token_embedding.embeddings.assign(weights["model.embed_tokens.weight"])
    backbone.layer_norm.scale.assign(weights["model.norm.weight"])
    for number, layer in enumerate(backbone.transformer_layers):
        for name, variable in _variables(layer).items():
            matrix = weights[f"model.layers.{number}.{name}.weight"]
            variable.assign((matrix.T if matrix.ndim == 2 else matrix).reshape(tuple(variable.shape)))


def _variables(layer: Any) -> dict[str, Any]:
    attention = layer._self_attention_layer
    return {
        "input_layernorm": layer._self_attention_layernorm.scale,
        "self_attn.q_proj": attention._query_dense.kernel,
        "self_attn.k_proj": attention._key_dense.kernel,
        "self_attn.v_proj": attention._value_dense.kernel,
        "self_attn.o_proj": attention._output_dense.kernel,
        "post_attention_layernorm": layer._feedforward_layernorm.scale,
        "mlp.gate_proj": layer._feedforward_gate_dense.kernel,
        "mlp.up_proj": layer._feedforward_intermediate_dense.kernel,
        "mlp.down_proj": layer._feedforward_output_dense.kernel,
    }


def _layer(layer: Any, width: int) -> dict[str, Array]:
    """Norms [D] and matrices [out,in]; heads are flattened: into `in` of the output, into `out` of the others."""
    values = {name: np.asarray(variable) for name, variable in _variables(layer).items()}
    return {
        name: value
        if value.ndim == 1
        else (value.reshape(-1, width) if name == "self_attn.o_proj" else value.reshape(value.shape[0], -1)).T
        for name, value in values.items()
    }
