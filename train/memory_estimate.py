"""How much memory one process of the fine-tuning needs, before anything is allocated.

Weights, gradients and AdamW's moments are counted. What a micro-batch adds (activations kept for the backward pass,
logits, bf16 copies, temporaries) is read off a pass over fake tensors, which have shapes and no memory: with one
decoder layer and with two, since all layers cost the same. Not in it: the process itself (interpreter, libraries,
thread buffers), which is its memory after a step of a model of a few weights.
"""

from __future__ import annotations

import contextlib
import warnings
import weakref
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import LlamaConfig, LlamaForCausalLM

from train.config.schema import FinetuneConfig
from train.torch_track.adapter import attach
from train.torch_track.chunked_loss import CHUNK
from train.torch_track.loss import CHUNKED_FROM, Road, SummedLoss
from train.torch_track.packing import MicroBatch

FP32, MOMENTS = 4, 8  # bytes a weight: weights and gradients; both moments of AdamW
FOUR_BIT = 0.56  # bytes a weight of a quantised matrix: NF4 with double quantisation (arXiv 2305.14314, section 3)

# What a CPU process takes beyond its tensors is glibc's heap: aligned blocks that are freed between kept ones leave
# holes in which a block of the same size does not fit again. With every tensor mapped by itself (a small fixed
# MALLOC_MMAP_THRESHOLD_, slower) real steps took 1.00 to 1.02 times what is counted here. With the heap as it is (glibc
# 2.36, models of 4 to 8 layers, 200 to 500 MB of tensors, peaks of four steps) a micro-batch took 1.3 to 1.5 times its
# tensors where all weights are trained. An adapter adds short-lived results of the size of each adapted projection's
# output, and for each of them about 1.4 times that in holes: ten such peaks were .87 to 1.12 times the estimate, but
# 1.4 times in another process that ran the same shapes. So it is a guess there. No such factor on a GPU.
CPU_HEAP, ADAPTER_HOLES = 1.4, 1.4


@dataclass(frozen=True)
class MemoryEstimate:
    """MB (10^6 bytes) of one process above the process itself."""

    weights_mb: float
    gradients_mb: float
    optimizer_mb: float
    micro_batch_mb: float  # activations, logits, low-precision copies, temporaries
    accumulates: bool  # several micro-batches a step: gradients lie beside activations
    heap_mb: float = 0.0  # what the heap of a CPU process takes on top of a micro-batch's tensors

    @property
    def peak_mb(self) -> float:
        """At the end of a forward pass, or once all gradients are there."""
        return self._peak(self.micro_batch_mb + self.heap_mb)

    @property
    def tensors_mb(self) -> float:
        """The same without the heap's holes: what a process takes that maps every tensor by itself."""
        return self._peak(self.micro_batch_mb)

    def _peak(self, batch_mb: float) -> float:
        if self.accumulates:
            return self.weights_mb + self.optimizer_mb + self.gradients_mb + batch_mb
        # Within a backward pass activations go as gradients come.
        return self.weights_mb + self.optimizer_mb + max(self.gradients_mb, batch_mb)

    def kept_mb(self, parallel: Literal["ddp", "fsdp2"], processes: int) -> float:
        """Weights, gradients and moments of each of several processes, from the estimate of one. FSDP2 shares them out;
        DDP keeps all, and the gradients once more in its buckets."""
        kept = self.weights_mb + self.gradients_mb + self.optimizer_mb
        return kept / processes if parallel == "fsdp2" else kept + self.gradients_mb


def estimate_memory(
    config: LlamaConfig, settings: FinetuneConfig, bf16: bool, on_cpu: bool = True, processes: int = 1
) -> MemoryEstimate:
    """The estimate for a model of this shape. Compiled layers keep fewer activations: it is an upper bound then.

    Args:
        config: with the vocabulary that is trained.
        bf16: whether products run in bf16 autocast (weights stay fp32).
    """
    # On a GPU the kernels of packed rows hold what plain causal attention holds; they can't be traced without one.
    # Every position is taken for supervised: how many are, only the rows know.
    on_cpu_road = Road(own_chunks=config.vocab_size >= CHUNKED_FROM)
    road = on_cpu_road if on_cpu else Road("causal", low_stream=True, own_chunks=True, chunk=CHUNK)
    one, two = (_traced(config, settings, bf16, layers, road) for layers in (1, 2))
    layers = config.num_hidden_layers
    total, trained, batch = (first + (layers - 1) * (second - first) for first, second in zip(one, two, strict=True))
    weights = FP32 * total
    if settings.adapter is not None and settings.adapter.type == "qlora":
        matrices = layers * _layer_matrices(config)
        weights -= (FP32 - FOUR_BIT) * matrices
    # DDP keeps a second copy of the gradients in its buckets.
    gradients = FP32 * trained * (2 if processes > 1 else 1)
    accumulates = settings.batch_size > settings.micro_batch_size * processes
    heap = (CPU_HEAP - 1) * batch + ADAPTER_HOLES * _adapted_outputs(config, settings, bf16) if on_cpu else 0.0
    weights_mb, gradients_mb, optimizer_mb, batch_mb, heap_mb = (
        round(part / 1e6, 1) for part in (weights, gradients, MOMENTS * trained, batch, heap)
    )
    return MemoryEstimate(weights_mb, gradients_mb, optimizer_mb, batch_mb, accumulates, heap_mb)


def _traced(
    config: LlamaConfig, settings: FinetuneConfig, bf16: bool, layers: int, road: Road
) -> tuple[float, float, float]:
    """Weights, trained weights, and bytes that one micro-batch adds, of the model cut to so many layers."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    cut = deepcopy(config)
    cut.num_hidden_layers = layers
    with torch.device("meta"), _quiet():
        model = LlamaForCausalLM(cut)
        if settings.adapter is not None:
            attach(model, settings.adapter, 0)
    with FakeTensorMode(allow_non_fake_inputs=True), _quiet():
        _make_fake(model)
        batch = _batch(settings.micro_batch_size, settings.sequence_length)
        weights = list(model.parameters())
        trained = [weight for weight in weights if weight.requires_grad]
        for weight in trained:
            weight.grad = torch.zeros_like(weight)
        summed_loss = SummedLoss(model, road)
        with PeakStorage() as peak:
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = summed_loss(batch)
            loss.backward()
    counts = (sum(w.numel() for w in weights), sum(w.numel() for w in trained))
    return float(counts[0]), float(counts[1]), float(peak.bytes)


class PeakStorage(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes of storage made while it is on, at their most, each storage counted until it is dropped.

    torch.distributed._tools.MemTracker does the same and more, but refuses models with frozen weights (torch 2.13).
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = self._now = 0
        self._alive: dict[int, weakref.finalize[Any, Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = {id(t.untyped_storage()) for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor) and id(tensor.untyped_storage()) not in before:
                self._add(tensor.untyped_storage())
        return made

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._alive:
            return
        self._alive[key] = weakref.finalize(storage, self._drop, key, size)
        self._now += size
        self.bytes = max(self.bytes, self._now)

    def _drop(self, key: int, size: int) -> None:
        del self._alive[key]
        self._now -= size


def _make_fake(model: LlamaForCausalLM) -> None:
    """Puts tensors of the mode that is on in the place of meta ones, which know no device; tied ones stay tied."""
    made: dict[int, torch.nn.Parameter] = {}
    for module in model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if id(weight) not in made:
                made[id(weight)] = torch.nn.Parameter(torch.empty(weight.shape), requires_grad=weight.requires_grad)
            setattr(module, name, made[id(weight)])
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, torch.zeros(buffer.shape, dtype=buffer.dtype))


def _batch(size: int, length: int) -> MicroBatch:
    ids = torch.zeros(size, length, dtype=torch.long)
    positions = torch.arange(length).expand(size, length).contiguous()
    return MicroBatch(ids, ids.clone(), ids.clone(), positions, torch.zeros(size + 1, dtype=torch.int32), length)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _adapted_outputs(config: LlamaConfig, settings: FinetuneConfig, bf16: bool) -> float:
    """Bytes of the outputs of all projections that have an adapter, for one micro-batch."""
    if settings.adapter is None:
        return 0.0
    queries, keys = _projection_widths(config)
    width, inner = config.hidden_size, config.intermediate_size
    outputs = {"q_proj": queries, "k_proj": keys, "v_proj": keys, "o_proj": width}
    outputs |= {"gate_proj": inner, "up_proj": inner, "down_proj": width}
    positions = settings.micro_batch_size * settings.sequence_length
    each = sum(outputs[target] for target in settings.adapter.targets)
    return (2 if bf16 else FP32) * float(positions * each * config.num_hidden_layers)


def _projection_widths(config: LlamaConfig) -> tuple[int, int]:
    """Outputs of the query projection, and of the key or value projection."""
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return config.num_attention_heads * head, (config.num_key_value_heads or config.num_attention_heads) * head


def _layer_matrices(config: LlamaConfig) -> int:
    """Weights in the projections of one decoder layer."""
    width = config.hidden_size
    queries, keys = _projection_widths(config)
    return int(2 * width * queries + 2 * width * keys + 3 * width * config.intermediate_size)
