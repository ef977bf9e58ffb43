"""Floating-point operations of the training, and the peak of the hardware: together they are MFU.

Convention: a multiply-add is 2 FLOP. Matrix products of forward and backward count 6 per weight and token (PaLM,
arXiv 2204.02311, appendix B); a frozen weight counts 4, since its own gradient is not computed. The embedding is a
look-up and counts nothing; the output head counts, tied or not. Attention counts 12 · layers · heads · head size ·
length² for each *row*, as if not causal: blocks between neighbours of a pack are not needed and do not count.
Padding and recomputation do not count either.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from transformers import LlamaForCausalLM

from train.torch_track.packing import EMPTY, Packs

# Dense bf16 peak in FLOP/s by the vendor's data sheet; the longest name that occurs in the device's name counts.
GPU_PEAK_BF16 = {
    "A100": 312e12,
    "A10": 125e12,
    "B200": 2250e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H200": 989e12,
    "L4": 121e12,
    "L40S": 362e12,
    "RTX 4090": 165e12,
}
PROBE_SIZE, PROBE_ROUNDS = 1024, 3


def step_flops(model: LlamaForCausalLM, packs: Packs, indices: Sequence[int]) -> float:
    """FLOPs that the rows of these packs need for one forward and backward pass."""
    segments = packs.segments[list(indices)]
    tokens = int((segments != EMPTY).sum())
    squares = sum(float((np.bincount(pack[pack != EMPTY]) ** 2).sum()) for pack in segments)
    config = model.config
    return per_token_flops(model) * tokens + 12 * config.num_hidden_layers * _attention_width(model) * squares


def per_token_flops(model: LlamaForCausalLM) -> float:
    """FLOPs a token in matrix products with weights, forward and backward."""
    table = model.model.embed_tokens.weight
    matrices = [p for p in model.parameters() if p.ndim >= 2 and p is not table]
    if model.lm_head.weight is table:
        matrices.append(table)
    return float(sum((6 if p.requires_grad else 4) * p.numel() for p in matrices))


def _attention_width(model: LlamaForCausalLM) -> int:
    attention = model.model.layers[0].self_attn
    return int(model.config.num_attention_heads) * int(attention.head_dim)


def peak_flops(device: torch.device, bf16: bool) -> tuple[float, str]:
    """FLOP/s the device can reach, and where the figure comes from: a data sheet, or a timed matrix product."""
    if device.type == "cuda" and bf16:
        name = torch.cuda.get_device_name(device)
        known = [key for key in GPU_PEAK_BF16 if key in name]
        if known:
            best = max(known, key=len)
            return GPU_PEAK_BF16[best], f"data sheet of {best}, dense bf16"
    size = PROBE_SIZE * (4 if device.type == "cuda" else 1)
    dtype = torch.bfloat16 if bf16 else torch.float32
    reached = _probe(torch.randn(size, size, device=device, dtype=dtype))
    return (
        reached,
        f"matrix product {size} × {size}, {str(dtype).removeprefix('torch.')}, {torch.get_num_threads()} threads",
    )


def _probe(matrix: torch.Tensor) -> float:
    """FLOP/s of the fastest of a few matrix products."""
    best = float("inf")
    for _ in range(PROBE_ROUNDS):
        started = time.perf_counter()
        torch.mm(matrix, matrix)
        if matrix.is_cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return float(2 * matrix.shape[0] ** 3 / best)
