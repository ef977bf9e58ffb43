"""Floating-point operations of the training, and the peak of the hardware: together they are MFU.

Convention: a multiply-add is 2 FLOP. Matrix products of forward and backward count 6 per weight and token (PaLM,
arXiv 2204.02311, appendix B); a frozen weight counts 4, since its own gradient is not computed. The embedding is a
look-up and counts nothing; the output head counts, tied or not. Attention counts 12 · layers · heads · head size ·
length² for each *row*, as if not causal: blocks between neighbours of a pack are not needed and do not count.
Padding and recomputation do not count either.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import LlamaForCausalLM

from train.torch_track.packing import EMPTY, Packs


@dataclass(frozen=True)
class Peak:
    """Dense bf16 peak of a GPU's tensor cores, without 2:4 sparsity, sums in fp32."""

    flops: float  # a second
    source: str  # title of the vendor's page


# Key: the name that PyTorch gives ("NVIDIA H100 80GB HBM3") without maker, memory and socket. Several data sheets print
# the figure with sparsity only: half of it is the dense one.
GPU_PEAKS = {
    "A10": Peak(125e12, "NVIDIA A10 Tensor Core GPU, data sheet"),
    "A100": Peak(312e12, "NVIDIA A100 Tensor Core GPU, data sheet"),
    "A100 PCIe": Peak(312e12, "NVIDIA A100 Tensor Core GPU, data sheet"),
    "A40": Peak(149.7e12, "NVIDIA A40, data sheet"),
    "B200": Peak(2250e12, "NVIDIA HGX platform, specifications of HGX B200 (one of eight GPUs)"),
    "H100": Peak(989.4e12, "NVIDIA H100 Tensor Core GPU Architecture, white paper, table of H100 SXM5"),
    "H100 NVL": Peak(835.5e12, "NVIDIA H100 Tensor Core GPU, data sheet, H100 NVL: 1,671 with sparsity"),
    "H100 PCIe": Peak(756e12, "NVIDIA H100 Tensor Core GPU Architecture, white paper, table of H100 PCIe"),
    "H200": Peak(989.5e12, "NVIDIA H200 Tensor Core GPU, data sheet, H200 SXM: 1,979 with sparsity"),
    "H200 NVL": Peak(835.5e12, "NVIDIA H200 Tensor Core GPU, data sheet, H200 NVL: 1,671 with sparsity"),
    "L4": Peak(121e12, "NVIDIA L4 Tensor Core GPU, data sheet: 242 with sparsity"),
    "L40": Peak(181.05e12, "NVIDIA L40, data sheet"),
    "L40S": Peak(362.05e12, "NVIDIA L40S, data sheet"),
    "RTX 4090": Peak(165.2e12, "NVIDIA Ada GPU Architecture, white paper, appendix A"),
}
NOT_THE_MODEL = re.compile(r"NVIDIA|GeForce|\d+GB|HBM3\w*|SXM\d*")
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
    return float(sum((6 if p.requires_grad else 4) * count(p) for p in matrices))


def count(parameter: torch.nn.Parameter) -> int:
    """Weights of a parameter. bitsandbytes packs two of four bits into one element, and keeps the shape beside them."""
    packed = getattr(parameter, "quant_state", None)
    return parameter.numel() if packed is None else math.prod(packed.shape)


def _attention_width(model: LlamaForCausalLM) -> int:
    attention = model.model.layers[0].self_attn
    return int(model.config.num_attention_heads) * int(attention.head_dim)


def peak_flops(device: torch.device, bf16: bool) -> tuple[float | None, str]:
    """FLOP/s the device can reach, and where the figure comes from: the GPU's data sheet, or a timed matrix product.
    None where no data sheet says it; the text then says why."""
    if device.type == "cuda":
        return gpu_peak(torch.cuda.get_device_name(device), bf16)
    dtype = torch.bfloat16 if bf16 else torch.float32
    reached = _probe(torch.randn(PROBE_SIZE, PROBE_SIZE, device=device, dtype=dtype))
    kind, threads = str(dtype).removeprefix("torch."), torch.get_num_threads()
    return reached, f"matrix product {PROBE_SIZE} × {PROBE_SIZE}, {kind}, {threads} threads"


def gpu_peak(name: str, bf16: bool) -> tuple[float | None, str]:
    """Peak of the GPU of this name, and its source; None and the reason where it is not known."""
    if not bf16:
        return None, "the peaks known are those of dense bf16, and this run is fp32"
    # The whole name must fit: an RTX A1000 is no A100, a laptop's RTX 4090 another chip, a MIG slice a part of a card.
    words = [word for word in re.findall(r"\w+", name) if not NOT_THE_MODEL.fullmatch(word)]
    model = " ".join(words).casefold()
    found = next((peak for key, peak in GPU_PEAKS.items() if key.casefold() == model), None)
    if found is None:
        return None, f"no data sheet known for {name!r} (train/torch_track/flops.py, GPU_PEAKS)"
    return found.flops, found.source


def _probe(matrix: torch.Tensor) -> float:
    """FLOP/s of the fastest of a few matrix products."""
    best = float("inf")
    for _ in range(PROBE_ROUNDS):
        started = time.perf_counter()
        torch.mm(matrix, matrix)
        best = min(best, time.perf_counter() - started)
    return float(2 * matrix.shape[0] ** 3 / best)
