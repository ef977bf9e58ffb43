"""FlexAttention on a GPU: a kernel that Triton compiles for the block-diagonal mask of packed rows.

It takes 128 positions of a pack at a time, whatever rows they hold, where FlashAttention over rows starts anew with
each row. Packed micro-batches of SmolLM2-135M with rows of 44 tokens trained 1.12 times as fast with it [1.02, 1.18] on
an H200, rows of 2,048 tokens equally fast (eval/results/gpu-2026-11-27-h200-flex.json). Uncompiled it would hold all
scores, so only compiled layers take it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from train.torch_track.packing import Packs

LONGEST = 2048  # tokens of a pack: the mask is made from one of [packs, length, length]
BLOCK = 128  # tokens: side of the blocks that it leaves out; up to here it was measured to be faster


def fits(head_size: int) -> bool:
    """Whether FlexAttention has a kernel for heads of this size."""
    return 16 <= head_size <= 256 and head_size.bit_count() == 1


def pays(*packs: Packs) -> bool:
    """Whether these packs are of the kind for which it was measured to be faster: whole blocks of short rows."""
    lengths = [some.ids.shape[1] for some in packs]
    whole = all(length % BLOCK == 0 and length <= LONGEST for length in lengths)
    return whole and all(some.longest_row <= BLOCK for some in packs)


def flex(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any, scaling: float | None = None) -> Any:
    """Attention under a mask of `block_mask`; shapes as in attention.packed_attention."""
    out: Any = _compiled()(query, key, value, block_mask=mask, scale=scaling, enable_gqa=True)
    return out.transpose(1, 2)


def block_mask(segments: torch.Tensor) -> Any:
    """A BlockMask: rows see themselves, and nothing that comes later. segments: [batch, length], of MicroBatch."""
    from torch.nn.attention.flex_attention import create_block_mask

    def sees(pack: torch.Tensor, _: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return (segments[pack, query] == segments[pack, key]) & (query >= key)

    batch, length = segments.shape
    return create_block_mask(sees, batch, None, length, length, str(segments.device), BLOCK_SIZE=BLOCK)


@cache
def _compiled() -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=False)
