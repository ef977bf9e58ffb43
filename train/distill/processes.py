"""The processes that share a capture: those that torchrun or accelerate launch has started, or this one alone.

They only wait for each other and add up figures, so gloo serves on every machine; the work meets in files.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed

from train.hardware import compute_threads

Made = TypeVar("Made")


@dataclass(frozen=True)
class Processes:
    index: int  # of this process, from 0
    count: int

    @classmethod
    def join(cls) -> Processes:
        """Meets the others, as the launcher's variables say."""
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count > 1 and not distributed.is_initialized():
            distributed.init_process_group("gloo")
            torch.set_num_threads(compute_threads())
        return cls(distributed.get_rank() if count > 1 else 0, count)

    @property
    def first(self) -> bool:
        return self.index == 0

    def wait(self) -> None:
        """Until all have come here."""
        if self.count > 1:
            distributed.barrier()

    def first_alone(self, work: Callable[[], Made]) -> Made:
        """What `work` makes: process 0 does it first, then the others; all go on when all are done."""
        if self.first:
            made = work()
            self.wait()
        else:
            self.wait()
            made = work()
        self.wait()
        return made

    def total(self, value: float) -> float:
        """Sum of every process's value."""
        if self.count == 1:
            return value
        found = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(found)
        return float(found)

    def leave(self) -> None:
        """Ends it when all have come here."""
        self.wait()
        if self.count > 1:
            distributed.destroy_process_group()


def local_device() -> torch.device:
    """The GPU of this process on its machine, or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
