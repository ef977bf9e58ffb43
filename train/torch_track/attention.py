"""Attention of the training: a product, a masked softmax and a product on the CPU; PyTorch's fused kernel elsewhere.

PyTorch's fused attention for CPUs (torch 2.13) has a slow backward pass: on two cores with AMX it took 705 of the 2,880
ms of a step of SmolLM2-135M (16 packs of 128 tokens, bf16), where the same attention as two batched products took 113.
The scores of a short pack are small, so holding them costs little: 16 × 9 heads × 128² × 4 bytes = 9 MB a layer.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, LlamaForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "tandem_packed"
NEVER = torch.finfo(torch.float32).min  # finite: a row of padding, which sees nothing, must not become NaN
LONGEST = 512  # tokens: beyond, the scores of a layer take more memory than what the fused kernel saves is worth


def use_packed_attention(model: LlamaForCausalLM) -> None:
    """Makes the model's layers call `packed_attention`; the choice is not written into its config.json."""
    AttentionInterface.register(NAME, packed_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)  # else a padding mask would reach the layers as it is
    model.set_attn_implementation(NAME)


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **rest: Any,
) -> tuple[torch.Tensor, None]:
    """Grouped-query attention, called by transformers' decoder layers.

    Args:
        query: [batch, heads, length, head size]; key, value: [batch, KV heads, length, head size].
        attention_mask: [batch, 1, length, length], True where a query may look.

    Returns:
        [batch, length, heads, head size], and None for the weights.
    """
    batch, heads, length, size = query.shape
    packs = attention_mask is not None and key.shape[2] == length  # not: answering with a cache
    if query.device.type != "cpu" or length > LONGEST or dropout or not packs:
        out, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **rest
        )
        return out, None
    groups = key.shape[1]
    shared = heads // groups  # query heads that read the same keys: their rows lie below each other
    scale = size**-0.5 if scaling is None else scaling
    rows = query.reshape(batch * groups, shared * length, size)
    keys, values = (part.reshape(batch * groups, length, size) for part in (key, value))
    scores = torch.bmm(rows, keys.transpose(1, 2)).view(batch, groups, shared, length, length).float() * scale
    assert attention_mask is not None
    weights = scores.masked_fill(~attention_mask[:, :, None], NEVER).softmax(-1).to(values.dtype)
    mixed = torch.bmm(weights.view(batch * groups, shared * length, length), values)
    return mixed.view(batch, heads, length, size).transpose(1, 2).contiguous(), None
