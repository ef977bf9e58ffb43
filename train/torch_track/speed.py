"""Speed as it is logged every few steps: tokens a second by kind, step time, MFU and peak memory."""

from __future__ import annotations

import torch

from train.hardware import peak_memory_mb
from train.progress import Meter
from train.torch_track.flops import step_flops
from train.torch_track.job import Job
from train.torch_track.step import StepResult

LOG_EVERY = 5


class Window:
    """Figures of the last LOG_EVERY steps, logged together.

    raw tokens/s counts positions computed, padding included; MFU counts the FLOPs that the rows needed (flops.py) over
    the peak of all processes' devices, and is left out where that is not known.
    """

    def __init__(self, job: Job, peak_flops: float | None) -> None:
        self._job, self._peak = job, peak_flops
        self._results: list[StepResult] = []
        self._seconds = self._flops = self._rate = 0.0

    def add(self, result: StepResult, indices: list[int], rate: float, seconds: float, meter: Meter) -> None:
        self._results.append(result)
        self._rate = rate
        self._seconds += seconds
        self._flops += step_flops(self._job.model, self._job.packs, indices)
        state = self._job.state
        meter.advance(loss=result.loss, tok_per_s=sum(r.positions for r in self._results) / self._seconds)
        if state.step % LOG_EVERY == 0:
            self.log()

    def log(self) -> None:
        """Logs the steps since the last time; nothing where there are none."""
        if self._results:
            self._job.context.tracker.log(self._figures(self._rate))
            self._results, self._seconds, self._flops = [], 0.0, 0.0

    def _figures(self, rate: float) -> dict[str, float]:
        job, good = self._job, [r for r in self._results if r.finite]
        positions, tokens, supervised = (
            sum(getattr(r, kind) for r in self._results) for kind in ("positions", "tokens", "supervised")
        )
        figures = {
            "train/step": job.state.step,
            "train/lr": rate,
            "train/tokens": job.tokens,
            "train/tok_per_s": positions / self._seconds,
            "train/supervised_tok_per_s": supervised / self._seconds,
            "train/padding_tok_per_s": (positions - tokens) / self._seconds,
            "train/step_ms": 1000 * self._seconds / len(self._results),
            "train/peak_memory_mb": peak_mb(job.accelerator.device),
        }
        if self._peak is not None:
            figures["train/mfu"] = self._flops / self._seconds / (self._peak * job.accelerator.num_processes)
        if good:
            figures["train/loss"] = sum(r.loss * r.supervised for r in good) / max(1, sum(r.supervised for r in good))
            figures["train/grad_norm"] = max(r.grad_norm for r in good)
        return figures


def peak_mb(device: torch.device) -> float:
    """Peak memory so far, MB: of the GPU's allocator, or resident memory of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return peak_memory_mb()
