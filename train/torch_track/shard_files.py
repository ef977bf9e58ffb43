"""Tensors of a sharded model in files: each process writes its part as safetensors, with the place of the part in the
whole in the file's header, so that any number of processes can read them, one too (torch.distributed.checkpoint).

Its default metadata file is a pickle; the storage used here is the one of Hugging Face's format, which has none.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp
from safetensors import safe_open
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter

SHARDS = "shard-*.safetensors"  # as HuggingFaceStorageWriter names them


def write_shards(folder: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Every process writes its part of these tensors into `folder`, one file each. All processes must call it; what
    fails on one of them is raised on all."""
    with _plain_errors():
        dcp.save(dict(tensors), storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))


def read_tensors(folder: Path, into: Mapping[str, torch.Tensor], alone: bool) -> None:
    """Fills these tensors, whole ones or DTensors, from the safetensors of a folder, whole ones or shards.

    Args:
        alone: this process reads without the others.
    """
    with _plain_errors():
        dcp.load(dict(into), storage_reader=HuggingFaceStorageReader(str(folder)), no_dist=alone)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """CheckpointException is no Exception and wraps what failed, a full disk say: that is raised instead."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # as asked for
            yield
    except CheckpointException as error:
        cause, _ = next(iter(error.failures.values()))
        raise cause from error


def names_in(folder: Path) -> set[str]:
    """Names of the tensors in the safetensors of a folder."""
    found: set[str] = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            found.update(file.keys())
    return found
