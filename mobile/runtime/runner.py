"""What the model needs of a runtime, and the choice of one: CompiledModel where it is there, Interpreter elsewhere."""

from __future__ import annotations

import atexit
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from .errors import ModelError

Logits = npt.NDArray[np.float32]
RunnerKind = Literal["auto", "compiled", "interpreter"]
MOST_THREADS = 1024
COMPILED_MODEL = ("compiled_model", "tensor_buffer", "environment", "options")  # modules of ai_edge_litert, since 2.1.6


class Runner(Protocol):
    """One loaded file with its KV caches."""

    window: int
    vocab_size: int
    buckets: list[int]
    verify_size: int  # tokens of its verify signature; 0 without one

    def clear(self) -> None:
        """Sets the caches to zero: old rows are masked out, but 0 times a NaN left in them would still be NaN."""

    def prefill(self, bucket: int, tokens: npt.NDArray[Any], positions: npt.NDArray[Any], mask: Logits) -> None:
        """Writes a bucket's rows into the caches. tokens [1, bucket], positions [bucket], mask [1, 1, bucket, S].

        Rows of padding may be written too: they are finite, and masked until a real row replaces them.
        """

    def decode(self, token: int, position: int, mask: Logits) -> Logits:
        """Writes one row; logits [V], the caller's own. mask [1, 1, 1, S]."""

    def verify(self, tokens: npt.NDArray[Any], positions: npt.NDArray[Any], mask: Logits) -> Logits:
        """As prefill, for `verify_size` tokens; logits [verify_size, V], the caller's own."""

    def signatures(self) -> dict[str, dict[str, dict[str, int]]]:
        """Signature to tensor indices in its subgraph."""


def open_runner(path: Path, threads: int = 1, kind: RunnerKind = "auto") -> Runner:
    """Loads a file. Raises ModelError where it is missing or damaged, or the runtime asked for is not installed."""
    if kind not in get_args(RunnerKind):
        raise ModelError(f"runner is {kind!r}; known are {', '.join(get_args(RunnerKind))}.")
    if not 1 <= threads <= MOST_THREADS:
        raise ModelError(f"threads is {threads}; 1 to {MOST_THREADS} can be had.")
    if not path.is_file():
        raise ModelError(f"{path} does not exist. Copy the whole exported folder to the device.")
    if kind == "compiled" or (kind == "auto" and has_compiled_model()):
        if not has_compiled_model():
            raise ModelError("CompiledModel is not installed. Install it: pip install 'ai-edge-litert>=2.1.6'")
        from .compiled_runner import CompiledRunner

        return CompiledRunner(path, threads)
    from .interpreter_runner import InterpreterRunner

    return InterpreterRunner(path, threads)


def has_compiled_model() -> bool:
    """Whether ai-edge-litert is installed, with all that is used of CompiledModel in it: not before 2.1.6."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        return False
    return all(importlib.util.find_spec(f"ai_edge_litert.{name}") for name in COMPILED_MODEL)


def bucket_sizes(path: Path, names: list[str]) -> list[int]:
    """The prefill sizes among the signatures; ModelError where there is no `decode`."""
    if "decode" not in names:
        raise ModelError(f"{path} has the signatures {sorted(names)} and no 'decode': it is no exported student.")
    return sorted(int(found[1]) for name in names if (found := re.fullmatch(r"prefill_([1-9]\d*)", name)))


def verify_size(names: list[str]) -> int:
    """Tokens of the verify signature; 0 without one."""
    return max((int(found[1]) for name in names if (found := re.fullmatch(r"verify_([1-9]\d*)", name))), default=0)


def damaged(path: Path, error: Exception) -> ModelError:
    """The error of a file that its runtime refuses."""
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ModelError(f"{path} cannot be loaded ({first}). The file is damaged or of a newer format; copy it again.")


@contextmanager
def quiet() -> Iterator[None]:
    """LiteRT writes notes about accelerators to descriptor 2, past Python: they are dropped, unless it fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            yield
        except BaseException:
            notes.seek(0)
            os.write(kept, notes.read()[-4000:])
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def quiet_exit() -> None:
    """For command lines: LiteRT writes two more notes after Python's end. Nothing of ours comes that late."""
    atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))
