"""The weights that another run ended with, to train on from (`finetune.initial: run:NAME`)."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from train.errors import UserError
from train.shared_vocabulary import aligned, vocabulary
from train.torch_track.embedding import replace_rows

KEY = "finetune.initial"
SHAPE = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "tie_word_embeddings",
)


def go_on_from(folder: Path, tokenizer_folder: Path, planned: LlamaConfig | None) -> LlamaForCausalLM:
    """The model in `folder`, fp32, its embedding in the order of this run's tokens.

    Args:
        folder: teacher/ of the other run.
        tokenizer_folder: of this run.
        planned: shape of the model that this run's config describes; None: not known here.

    Raises:
        UserError: there is no model, it has another shape, or its tokens are others.
    """
    if not (folder / "config.json").exists():
        raise UserError(f"{folder} ({KEY}) holds no model. Finish that run first: tandem finetune CONFIG")
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    other = [] if planned is None else [name for name in SHAPE if getattr(model.config, name) != getattr(planned, name)]
    if planned is not None and other:
        found, wanted = getattr(model.config, other[0]), getattr(planned, other[0])
        raise UserError(
            f"{folder} ({KEY}) is a model with {other[0]} {found}, this config describes one with {wanted}. Give both "
            "runs the same model section."
        )
    ours, theirs = vocabulary(tokenizer_folder), vocabulary(folder)
    if ours != theirs:
        replace_rows(model, lambda table: torch.from_numpy(aligned(table.numpy(), theirs, ours, folder, KEY)[0]))
    return model
