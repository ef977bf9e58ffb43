"""A Llama-style Hugging Face folder as a GGUF file, written with the `gguf` package.

llama.cpp's own converter knows tokenizers by a hash of ids it has on a list; a trimmed vocabulary is not on it. Two
things go wrong silently: llama.cpp rotates neighbouring pairs where Hugging Face rotates halves, so the rows of q and
k are permuted; and without `tokenizer.ggml.pre` text is cut differently.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, LlamaFileType
from safetensors import safe_open

from train.errors import UserError

TYPES = {
    "q8": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
    "q4": (GGMLQuantizationType.Q4_0, LlamaFileType.MOSTLY_Q4_0),
    "f32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
}
TOP = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
PARTS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
Array = npt.NDArray[Any]


def write_gguf(folder: Path, path: Path, kind: str) -> None:
    """Writes the model of `folder` to `path`; `kind` is a key of TYPES. Norms stay fp32.

    Raises UserError for another architecture, or weights of a name that is not Llama's.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config["model_type"] != "llama":
        raise UserError(f"{folder} is a {config['model_type']!r} model; GGUF files are written of Llama-style models.")
    quantization, file_type = TYPES[kind]
    writer = gguf.GGUFWriter(path, "llama")
    _add_shape(writer, config)
    writer.add_file_type(file_type)
    _add_tokenizer(writer, folder, config)
    for source in sorted(folder.glob("*.safetensors")):
        with safe_open(source, "pt") as file:  # "numpy" does not know bfloat16
            for name in sorted(file.keys()):
                _add_tensor(writer, name, file.get_tensor(name).float().numpy(), config, quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def head_size(config: dict[str, Any]) -> int:
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def _add_shape(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", "default") != "default":
        raise UserError(f"rope_type {rope['rope_type']!r} can't be written to a GGUF file yet; only 'default' can.")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head_size(config))
    writer.add_value_length(head_size(config))
    writer.add_rope_dimension_count(head_size(config))
    writer.add_rope_freq_base(rope.get("rope_theta") or config.get("rope_theta", 10_000.0))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path, config: dict[str, Any]) -> None:
    state = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    special = {entry["id"]: entry["content"] for entry in state["added_tokens"]}
    by_id = {number: token for token, number in state["model"]["vocab"].items()} | special
    size = config["vocab_size"]
    kinds = [
        gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL if i in by_id else gguf.TokenType.UNUSED
        for i in range(size)
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")  # llama.cpp's name for SmolLM2's way of cutting text
    writer.add_token_list([by_id.get(number, f"[unused{number}]") for number in range(size)])
    writer.add_token_types(kinds)
    merges = state["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    for key, add in (("bos", writer.add_bos_token_id), ("eos", writer.add_eos_token_id)):
        if isinstance(config.get(f"{key}_token_id"), int):
            add(config[f"{key}_token_id"])
    writer.add_add_bos_token(False)


def _add_tensor(
    writer: gguf.GGUFWriter, name: str, value: Array, config: dict[str, Any], kind: GGMLQuantizationType
) -> None:
    if name.endswith(("q_proj.weight", "k_proj.weight")):
        value = interleaved(value, value.shape[0] // head_size(config))
    if value.ndim == 1 or value.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0]:
        kind = GGMLQuantizationType.F32
    writer.add_tensor(gguf_name(name), gguf.quantize(value, kind), raw_dtype=kind)


def interleaved(value: Array, heads: int) -> Array:
    """Rows [heads · d, D] of q or k: row i of a head's first half is followed by row i of its second half."""
    rows, width = value.shape
    halves = value.reshape(heads, 2, rows // heads // 2, width)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, width))


def gguf_name(name: str) -> str:
    """`model.layers.3.mlp.up_proj.weight` → `blk.3.ffn_up.weight`. UserError for a name that is not Llama's."""
    stem = name.removesuffix(".weight")
    if stem in TOP:
        return f"{TOP[stem]}.weight"
    _, _, number, part = [*stem.split(".", 3), "", "", ""][:4]
    if not name.endswith(".weight") or part not in PARTS:
        raise UserError(f"The weight {name!r} has no place in a GGUF file of a Llama (biases are not written).")
    return f"blk.{number}.{PARTS[part]}.weight"
