"""FSDP2 (finetune.parallel: fsdp2): each process holds its part of every weight, gradient and moment.

A group is gathered while it computes and let go of afterwards: one group a decoder layer, one for the rest (embedding,
last norm, head). Products run in the precision of accelerate's autocast, as under DDP; what is gathered and reduced is
fp32, so that a step has the numbers of a step of one process.

accelerate's own FSDP2 plugin is not used: with cpu=True it is ignored without a word (1.15), and becomes DDP.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from train.config.schema import FinetuneConfig
from train.errors import UserError
from train.progress import say
from train.torch_track.loss import SummedLoss


def shards_wanted(settings: FinetuneConfig, accelerator: Accelerator) -> bool:
    """Whether this run shards: as configured, where there is a process to share with.

    Raises:
        UserError: fsdp2 with a 4-bit base, or with a share of the first weights.
    """
    if settings.parallel != "fsdp2":
        return False
    if settings.adapter is not None and settings.adapter.type == "qlora":
        raise UserError(
            "finetune.parallel is 'fsdp2' and finetune.adapter.type 'qlora': 4-bit weights can't be sharded. "
            "Use ddp (a 4-bit base is small), or lora, rslora or dora."
        )
    if settings.initial is not None and settings.initial_share > 0:
        raise UserError(
            f"finetune.parallel is 'fsdp2' and finetune.initial_share {settings.initial_share:g}: weights that lie in "
            "parts are not mixed. Use ddp, or leave initial_share out."
        )
    several: bool = accelerator.num_processes > 1
    if not several:
        say("finetune: finetune.parallel is 'fsdp2', but this is the only process: nothing is sharded")
    return several


def shard(summed_loss: SummedLoss, device: torch.device) -> None:
    """Shards the parameters in place, over all processes; they become DTensors. Whole weights move to `device` one
    group at a time. The optimizer must be made after this."""
    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    layers: Any = summed_loss.model.model.layers
    for layer in layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(summed_loss, mesh=mesh)


def is_sharded(module: torch.nn.Module) -> bool:
    return any(isinstance(parameter, DTensor) for parameter in module.parameters())


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor over all processes. Every process must ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@contextmanager
def callable_in_parts(summed_loss: torch.nn.Module) -> Iterator[None]:
    """While it is on, parts of the model may be called without SummedLoss.forward (validation, generating): its group's
    weights are gathered here; the layers gather theirs themselves. Every process must make the same calls."""
    if not isinstance(summed_loss, FSDPModule):
        yield
        return
    summed_loss.unshard()
    try:
        yield
    finally:
        summed_loss.reshard()  # names lead to the parts again, as checkpoints and the optimizer need them
