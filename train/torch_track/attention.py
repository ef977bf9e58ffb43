"""Attention of the training: one function that transformers' decoder layers call, and a kernel for each case.

masked: a block-diagonal mask. On the CPU as two batched products around a softmax: PyTorch's fused attention for CPUs
    (torch 2.13) has a slow backward pass. On two cores with AMX it took 705 of the 2,880 ms of a step of SmolLM2-135M
    (16 packs of 128 tokens, bf16), where the same attention as products took 113. The scores of a short pack are
    small, so holding them costs little: 16 × 9 heads × 128² × 4 bytes = 9 MB a layer.
varlen: FlashAttention over rows that lie one behind the other (GPU): no mask, and nothing computed between rows.
flex: FlexAttention with a block mask (GPU), in compiled layers alone: flex_attention.py.
causal: a pack holds one row (GPU): plain causal attention is exact, since padding stands behind the row.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, LlamaForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from train.hardware import gpu_has_bf16
from train.torch_track.flex_attention import block_mask, flex
from train.torch_track.packing import MicroBatch, Packs, attention_mask

Kernel = Literal["masked", "varlen", "flex", "causal"]
NAME = "tandem_packed"
NEVER = torch.finfo(torch.float32).min  # finite: a row of padding, which sees nothing, must not become NaN
LONGEST = 512  # tokens: beyond, the scores of a layer take more memory than what the fused kernel saves is worth
# torch 2.11 takes fewer key heads than query heads as they are, 2.13 wants to be told.
_GROUPED = {"enable_gqa": True} if "enable_gqa" in inspect.signature(varlen_attn).parameters else {}
CAUSAL_KERNELS = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]


def kernel_for(device: torch.device, bf16: bool, dropout: float, head_size: int, *packs: Packs) -> Kernel:
    """The kernel that is exact for all of these packs on this device, compiled or not. The kernels for GPUs multiply
    half precision alone, on GPUs that do so natively, heads of some sizes, and have no dropout here.
    """
    native = device.type == "cuda" and bf16 and gpu_has_bf16() and not dropout
    if not native or head_size % 8 or head_size > 256:
        return "masked"
    return "causal" if all(some.most_rows <= 1 for some in packs) else "varlen"


def use_packed_attention(model: LlamaForCausalLM) -> None:
    """Makes the model's layers call `packed_attention`; the choice is not written into its config.json."""
    AttentionInterface.register(NAME, packed_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)  # else a padding mask would reach the layers as it is
    model.set_attn_implementation(NAME)


def seen_by_layers(kernel: Kernel, batch: MicroBatch) -> dict[str, Any]:
    """What tells `packed_attention` which tokens see each other: arguments for the decoder layers."""
    if kernel == "masked":
        return {"attention_mask": attention_mask(batch.segments)}
    if kernel == "flex":
        return {"attention_mask": block_mask(batch.segments)}
    if kernel == "varlen":
        return {"attention_mask": None, "bounds": batch.bounds, "longest": batch.longest}
    return {"attention_mask": None, "one_row": True}


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    scaling: float | None = None,
    dropout: float = 0.0,
    bounds: torch.Tensor | None = None,
    longest: int | None = None,
    one_row: bool = False,
    **rest: Any,
) -> tuple[torch.Tensor, None]:
    """Grouped-query attention, called by transformers' decoder layers.

    Args:
        query: [batch, heads, length, head size]; key, value: [batch, KV heads, length, head size].
        attention_mask: [batch, 1, length, length], True where a query may look; a BlockMask; or None.
        bounds, longest: of MicroBatch: rows see themselves alone.
        one_row: nothing but what comes later is hidden.

    Returns:
        [batch, length, heads, head size], and None for the weights.
    """
    length = query.shape[2]
    query, key = query.to(value.dtype), key.to(value.dtype)  # the rotation was fp32
    if bounds is not None:
        return _varlen(query, key, value, bounds, longest or length, scaling), None
    if one_row:
        return _causal(query, key, value, scaling), None
    if attention_mask is not None and not isinstance(attention_mask, torch.Tensor):
        return flex(query, key, value, attention_mask, scaling), None
    packs = attention_mask is not None and key.shape[2] == length  # not: answering with a cache
    if not query.is_cpu or length > LONGEST or dropout or not packs:
        out, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **rest
        )
        return out, None
    assert attention_mask is not None
    return products(query, key, value, attention_mask, scaling), None


def products(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, scaling: float | None = None
) -> torch.Tensor:
    """Attention as two products around a softmax, which is fp32; shapes as in `packed_attention`."""
    (batch, heads, length, size), groups = query.shape, key.shape[1]
    shared = heads // groups  # query heads that read the same keys: their rows lie below each other
    scale = size**-0.5 if scaling is None else scaling
    rows = query.reshape(batch * groups, shared * length, size)
    keys, values = (part.reshape(batch * groups, length, size) for part in (key, value))
    scores = torch.bmm(rows, keys.transpose(1, 2)).view(batch, groups, shared, length, length).float() * scale
    weights = scores.masked_fill(~mask[:, :, None], NEVER).softmax(-1).to(values.dtype)
    mixed = torch.bmm(weights.view(batch * groups, shared * length, length), values)
    return mixed.view(batch, heads, length, size).transpose(1, 2).contiguous()


def _varlen(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bounds: torch.Tensor,
    longest: int,
    scaling: float | None,
) -> torch.Tensor:
    batch, heads, length, size = query.shape
    # [batch × length, heads, head size]: the layers' projections lie like this in memory, so nothing is copied.
    flat = [part.transpose(1, 2).reshape(batch * length, part.shape[1], size) for part in (query, key, value)]
    causal = (-1, 0)  # the window of keys: all before, none behind
    flash: Any = varlen_attn
    out: torch.Tensor = flash(*flat, bounds, bounds, longest, longest, scale=scaling, window_size=causal, **_GROUPED)
    return out.view(batch, length, heads, size)


def _causal(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None) -> torch.Tensor:
    with sdpa_kernel(CAUSAL_KERNELS, set_priority=True):
        out = scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling, enable_gqa=True)
    return out.transpose(1, 2)
