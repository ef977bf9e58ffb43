"""The parent's side of a contestant: a child process that answers one request at a time."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from eval.bench.contestants import Contestant
from train.errors import TandemError
from train.runs import REPOSITORY


class ContestantError(TandemError):
    """A contestant can't take part, or broke down; the others go on."""


class ContestantProcess:
    """A live contestant. Use as a context manager: it never outlives the block.

    Args:
        contestant: who.
        folder: of the workload.
        threads: CPU cores it may use; the same first ones for everybody.
        limit_s: longest wait for a reply; compiling is the longest work.
        gpu: it may see the machine's GPUs.
    """

    def __init__(self, contestant: Contestant, folder: Path, threads: int, limit_s: float, gpu: bool = False) -> None:
        self._contestant, self._folder, self._limit_s = contestant, folder, limit_s
        self._stderr = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "eval.bench.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            encoding="utf-8",
            cwd=REPOSITORY,
            env=environment(contestant, threads, gpu),
        )
        if hasattr(os, "sched_setaffinity"):  # TensorFlow and XLA have as many threads as they see cores
            os.sched_setaffinity(self._process.pid, sorted(os.sched_getaffinity(0))[:threads])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()  # the child ends at the end of its input
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._stderr.close()

    def load(self) -> float:
        """Seconds to import the framework and make the contestant."""
        contestant = self._contestant
        reply = self.ask("load", work=contestant.work, folder=str(self._folder), how=contestant.how)
        return float(reply["seconds"])

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        """Raises ContestantError where it fails, breaks down or takes too long."""
        watch = threading.Timer(self._limit_s, self._process.kill)
        watch.start()
        try:
            line = self._exchange(json.dumps({"op": op, **request}))
        except OSError:
            line = ""
        finally:
            watch.cancel()
        if not line:
            raise ContestantError(f"its process ended during '{op}': {self._last_words()}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply and op != "said":
            raise ContestantError(reply["error"])
        return reply

    def _exchange(self, request: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def _last_words(self) -> str:
        self._process.wait()
        self._stderr.seek(0)
        said = self._stderr.read().strip().splitlines()
        return f"status {self._process.returncode}, {said[-1] if said else 'it said nothing'}"


def environment(contestant: Contestant, threads: int, gpu: bool = False) -> dict[str, str]:
    """Of a contestant's process; set before any framework is imported."""
    hidden = {} if gpu else {"CUDA_VISIBLE_DEVICES": "-1"}
    return (
        os.environ
        | hidden
        | {
            "KERAS_BACKEND": contestant.backend,
            "OMP_NUM_THREADS": str(threads),
            "OPENBLAS_NUM_THREADS": str(threads),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "PYTHONUNBUFFERED": "1",
        }
    )
