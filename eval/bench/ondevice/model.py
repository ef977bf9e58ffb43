"""What is measured: a run's student, a Hugging Face folder of the Llama kind, or random weights of a named shape.

Speed depends on the shape alone, so random weights do for it; their tokenizer is made up too (llama.cpp and LiteRT-LM
want one in the file). A fixed seed: the same shape is the same file.
"""

from __future__ import annotations

import itertools
import string
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from train.atomic import write_json, write_text
from train.chat import PAD, START, STOP
from train.errors import UserError

LLAMA: dict[str, Any] = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True, "max_position_embeddings": 8192, "torch_dtype": "float32",
    "rope_parameters": {"rope_theta": 100_000.0, "rope_type": "default"},
}  # fmt: skip
SMOLLM2: dict[str, Any] = {
    "vocab_size": 49_152, "hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9,
    "num_key_value_heads": 3, "head_dim": 64,
}  # fmt: skip
SHAPES: dict[str, dict[str, Any]] = {
    "135m": SMOLLM2 | {"num_hidden_layers": 30},  # the default teacher
    "40m": SMOLLM2 | {"num_hidden_layers": 4},
    "tiny": {
        "vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "num_hidden_layers": 2,
    },
}  # fmt: skip
DEVIATION = 0.05


def find_model(path: Path) -> Path:
    """The Hugging Face folder of a run's student, or `path` itself. UserError where it is neither."""
    for folder in (path / "student" / "hf", path):
        if (folder / "config.json").is_file():
            if (folder / "tokenizer.json").is_file():
                return folder.resolve()
            raise UserError(f"{folder} has no tokenizer.json, which llama.cpp and LiteRT-LM need. Save it there too.")
    raise UserError(
        f"--student is {path}, but neither {path / 'student' / 'hf'} nor {path} has a config.json. "
        "Give a run folder whose student is trained, or a Hugging Face folder of the Llama kind."
    )


def write_random_model(folder: Path, name: str) -> Path:
    """A model of SHAPES in Hugging Face's form. UserError for an unknown name."""
    if name not in SHAPES:
        raise UserError(f"--shape is {name!r}; known shapes: {', '.join(SHAPES)}.")
    config = LLAMA | SHAPES[name]
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    tensors = {
        key: np.ones(shape, np.float32)
        if len(shape) == 1
        else rng.standard_normal(shape, dtype=np.float32) * np.float32(DEVIATION)
        for key, shape in tensor_shapes(config).items()
    }
    save_file(tensors, folder / "model.safetensors")
    write_text(folder / "tokenizer.json", made_up_tokenizer(config["vocab_size"]))
    write_json(folder / "config.json", config)
    return folder.resolve()


def tensor_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a tied Llama's tensors, as transformers writes them."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    heads, groups = (config[f"num_{kind}_heads"] * config["head_dim"] for kind in ("attention", "key_value"))
    layer = {
        "input_layernorm": (width,), "post_attention_layernorm": (width,),
        "self_attn.q_proj": (heads, width), "self_attn.k_proj": (groups, width), "self_attn.v_proj": (groups, width),
        "self_attn.o_proj": (width, heads),
        "mlp.gate_proj": (inner, width), "mlp.up_proj": (inner, width), "mlp.down_proj": (width, inner),
    }  # fmt: skip
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (config["vocab_size"], width)}
    for index in range(config["num_hidden_layers"]):
        shapes |= {f"model.layers.{index}.{name}.weight": shape for name, shape in layer.items()}
    return shapes | {"model.norm.weight": (width,)}


def made_up_tokenizer(size: int) -> str:
    """A byte-level BPE of `size` tokens: special ones, bytes, pairs of letters with their merges, then fillers."""
    special, letters = [PAD, START, STOP], string.ascii_lowercase
    pairs = list(itertools.product(letters, letters))
    fillers = ("".join(word) for length in (3, 4) for word in itertools.product(letters, repeat=length))
    words = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(a + b for a, b in pairs)]
    words = [*words, *itertools.islice(fillers, max(0, size - len(words)))][:size]
    known = set(words)
    merges = [(a, b) for a, b in pairs if a + b in known]
    tokenizer = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    return str(tokenizer.to_str())
