"""Whether FlexAttention can be trained with here: tried once before layers are compiled, since what it compiles to
depends on the GPU, its driver and the versions of PyTorch and Triton."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from train.torch_track.attention import products
from train.torch_track.flex_attention import block_mask, flex
from train.torch_track.packing import EMPTY, attention_mask

TOKENS = 1024  # whose scores in fp32 are 4 MB a head
CLOSE = 0.02  # relative error that rounding to bf16 may make


def problem(segments: torch.Tensor, heads: int, kv_heads: int, head_size: int) -> str | None:
    """Why this machine can't train with it; None where a pack's outputs and gradients in bf16 are those of fp32.

    Takes the seconds of one compilation. segments: [packs, length], of which the first pack's beginning is taken.
    """
    segments = segments[:1, :TOKENS]
    real = (segments != EMPTY)[:, :, None, None]
    made = torch.Generator(segments.device).manual_seed(0)
    shapes = [(1, count, segments.shape[1], head_size) for count in (heads, kv_heads, kv_heads)]
    low = [torch.randn(shape, generator=made, device=segments.device).bfloat16() for shape in shapes]
    upstream = torch.randn(1, segments.shape[1], heads, head_size, generator=made, device=segments.device) * real
    exact = [part.float() for part in low]
    try:
        expected = _out_and_gradients(products, exact, attention_mask(segments), upstream, real)
        found = _out_and_gradients(flex, low, block_mask(segments), upstream, real)
    except Exception as error:  # Dynamo, Inductor, Triton and the driver raise many kinds; all mean the same here
        return f"its trial failed ({type(error).__name__}: {(str(error).splitlines() or [''])[0]})"
    for name, value, right in zip(("output", "dQ", "dK", "dV"), found, expected, strict=True):
        apart = float((value - right).norm() / right.norm())
        if not apart <= CLOSE:
            return f"its {name} is {apart:.1%} away from that of fp32 products"
    return None


def _out_and_gradients(
    attention: Callable[..., torch.Tensor], inputs: list[torch.Tensor], mask: Any, upstream: torch.Tensor, real: Any
) -> list[torch.Tensor]:
    query, key, value = (part.requires_grad_() for part in inputs)
    out = attention(query, key, value, mask)
    gradients = torch.autograd.grad(out, inputs, upstream.to(out.dtype))
    return [part.float() for part in (out.detach() * real, *gradients)]
