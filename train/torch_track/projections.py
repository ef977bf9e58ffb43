"""Projections that read the same states, as one product: query, key and value; gate and up (GPU).

Keys and values of SmolLM2 are 192 wide: as products of their own they are bound by reading the states, which are then
read three times. The weights stay where they are, under their names; they are put side by side in each pass.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch.nn.functional import linear
from transformers import LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaMLP, apply_rotary_pos_emb

from train.torch_track.attention import packed_attention


def join_projections(model: LlamaForCausalLM) -> bool:
    """Joins them in every layer. Returns False, and does nothing, where one isn't a plain linear layer (adapters)."""
    layers: Any = model.model.layers
    joined = [
        module
        for layer in layers
        for attention, mlp in ((layer.self_attn, layer.mlp),)
        for module in (attention.q_proj, attention.k_proj, attention.v_proj, mlp.gate_proj, mlp.up_proj)
    ]
    if any(type(module) is not torch.nn.Linear for module in joined):
        return False
    for layer in layers:
        layer.self_attn.forward = MethodType(_attention, layer.self_attn)
        layer.mlp.forward = MethodType(_mlp, layer.mlp)
    return True


def _attention(
    self: LlamaAttention,
    hidden_states: torch.Tensor,
    position_embeddings: tuple[torch.Tensor, torch.Tensor],
    attention_mask: Any = None,
    past_key_values: Any = None,
    **rest: Any,
) -> tuple[torch.Tensor, None]:
    """LlamaAttention.forward."""
    if past_key_values is not None:  # answering
        found: Any = LlamaAttention.forward(
            self, hidden_states, position_embeddings, attention_mask, past_key_values, **rest
        )
        return found  # type: ignore[no-any-return]
    batch, length, _ = hidden_states.shape
    parts = (self.q_proj, self.k_proj, self.v_proj)
    mixed = _joined(parts, hidden_states).split([part.out_features for part in parts], dim=-1)
    query, key, value = (part.view(batch, length, -1, self.head_dim).transpose(1, 2) for part in mixed)
    query, key = apply_rotary_pos_emb(query, key, *position_embeddings)
    out, _ = packed_attention(self, query, key, value, attention_mask, scaling=self.scaling, **rest)
    return self.o_proj(out.reshape(batch, length, -1)), None


def _mlp(self: LlamaMLP, x: torch.Tensor) -> torch.Tensor:
    """LlamaMLP.forward."""
    gate, up = _joined((self.gate_proj, self.up_proj), x).chunk(2, dim=-1)
    out: torch.Tensor = self.down_proj(self.act_fn(gate) * up)
    return out


def _joined(parts: tuple[Any, ...], states: torch.Tensor) -> torch.Tensor:
    biases = None if parts[0].bias is None else torch.cat([part.bias for part in parts])
    return linear(states, torch.cat([part.weight for part in parts]), biases)
