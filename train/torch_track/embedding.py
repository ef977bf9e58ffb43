"""A model's embedding, and the output head where it is not tied, for another vocabulary."""

from __future__ import annotations

from collections.abc import Callable

import torch
from transformers import LlamaForCausalLM


def keep_vocabulary(model: LlamaForCausalLM, kept_ids: list[int]) -> None:
    """Keeps the rows of these tokens, in this order."""
    index = torch.tensor(kept_ids)
    replace_rows(model, lambda table: table[index].clone())


def replace_rows(model: LlamaForCausalLM, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Puts `change`(table) in the place of each table: [V,D] → [V',D]."""
    embedding, head = model.model.embed_tokens, model.lm_head
    tied = model.config.tie_word_embeddings
    for module in (embedding,) if tied else (embedding, head):
        module.weight = torch.nn.Parameter(change(module.weight.detach()))
    if tied:
        head.weight = embedding.weight
    rows = len(embedding.weight)
    embedding.num_embeddings = head.out_features = rows
    embedding.padding_idx = None
    model.config.vocab_size = model.model.vocab_size = model.vocab_size = rows
