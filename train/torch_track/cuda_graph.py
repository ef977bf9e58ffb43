"""A micro-batch's forward and backward pass as one CUDA graph, which the host launches at once.

A step of small kernels is bound by how fast the host launches them, a thousand and more a micro-batch; a graph is
recorded once and replayed with other data in the same places. Shapes are static here, so nothing else has to change.
What it is worth: eval/results/gpu-*.json (scripts/bench_gpu).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from transformers import LlamaForCausalLM

from train.progress import say
from train.torch_track.flops import peak_flops, per_token_flops
from train.torch_track.job import Job
from train.torch_track.packing import MicroBatch
from train.torch_track.step import forward_backward, own_micro_batches

# One layer's part of a micro-batch, FLOPs ÷ the GPU's peak. From here on computing takes longer than launching, about
# 2 ms a layer (SmolLM2-135M, 8,192 positions on an H200: 66 ms launched one by one, 30 as a graph; train/LOG.md).
BUSY_S = 0.7e-3
UNKNOWN_PEAK = 1e15  # FLOP/s, for a GPU whose data sheet is not known: a graph too many costs nothing but memory
WARM_UP = 3  # passes before recording: kernels are chosen and compiled in them

Pass = Callable[[MicroBatch, torch.Tensor], torch.Tensor]


class RecordedPass:
    """`work` (one micro-batch's summed loss, its gradients added to the weights') recorded with the shapes of `like`.

    Gradients stay where they are from now on: set them to zero, never to None.

    Args:
        work: of a micro-batch and the factor of its loss, both on the device; it must not wait for the device.
        weights: all that get a gradient.
        like: a micro-batch on the device.
    """

    def __init__(self, work: Pass, weights: list[torch.nn.Parameter], like: MicroBatch) -> None:
        self._batch = like.each(torch.clone)
        self._factor = torch.zeros((), device=like.ids.device)
        for weight in weights:
            weight.grad = torch.zeros_like(weight)
        aside: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                work(self._batch, self._factor)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = work(self._batch, self._factor)
        for weight in weights:  # the warm-up's gradients, of a loss times zero: nothing, unless one was not finite
            assert weight.grad is not None
            weight.grad.zero_()

    def __call__(self, batch: MicroBatch, factor: torch.Tensor) -> torch.Tensor:
        """The summed loss, valid until the next call."""
        for place, tensor in zip(self._batch.tensors, batch.tensors, strict=True):
            place.copy_(tensor, non_blocking=True)
        self._factor.copy_(factor, non_blocking=True)
        self._graph.replay()
        return self._loss


def record(job: Job) -> None:
    """From now on the job launches a micro-batch as one CUDA graph, where that helps and can be done."""
    settings, accelerator = job.settings, job.accelerator
    size, processes = settings.micro_batch_size, accelerator.num_processes
    if accelerator.device.type != "cuda" or processes > 1 or settings.cuda_graph == "off":
        return
    if is_busy(job.model, size * job.packs.ids.shape[1], accelerator.device):
        return
    like = next(own_micro_batches(job.packs, [0] * size, size, accelerator))
    try:
        job.recorded = RecordedPass(partial(forward_backward, job), job.trainable, like)
    except Exception as error:  # what can't be recorded (a wait for the device, memory) raises many kinds
        for weight in job.trainable:
            weight.grad = None
        say(f"finetune: no CUDA graph, kernels are launched one by one: {_first_line(error)}")


def is_busy(model: LlamaForCausalLM, positions: int, device: torch.device) -> bool:
    """Whether micro-batches of so many positions keep the GPU busy while the host launches kernel by kernel."""
    peak = peak_flops(device, bf16=True)[0] or UNKNOWN_PEAK
    return positions * per_token_flops(model) / len(model.model.layers) / peak >= BUSY_S


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
