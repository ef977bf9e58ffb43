"""The parent's side of a worker: requests with a time limit; a crash or a hang becomes an EngineError."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from eval.engines.engine import Answer, EngineSpec, Timing
from train.chat import Message
from train.child import module_command, module_environment
from train.errors import TandemError

LIMIT_S = 900.0  # for one reply, where the caller gives no other limit: a load, a batch of answers, a timed request
STDERR_LINES = 6


class EngineError(TandemError):
    """An engine could not do what it was asked; the others go on."""


class EngineSkippedError(EngineError):
    """A library of the engine is not installed: it is left out by name, with the command that installs it."""


class EngineWorker:
    """A child process with one engine. Use as a context manager: it never outlives the block."""

    def __init__(self, spec: EngineSpec, limit_s: float = LIMIT_S) -> None:
        self._spec, self._limit_s = spec, limit_s
        self._stderr = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            module_command("eval.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            encoding="utf-8",
            env=module_environment(worker_environment(spec)),
        )
        self._replies: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def load(self) -> float:
        """Loads the engine; seconds it took."""
        return float(self._ask({"op": "load", "spec": asdict(self._spec)})["load_s"])

    def answer(self, conversations: Sequence[Sequence[Message]], max_new_tokens: int) -> Iterator[list[Answer]]:
        """Answers in order, batch by batch."""
        request = {"op": "answer", "conversations": list(conversations), "max_new_tokens": max_new_tokens}
        for reply in self._stream(request):
            if reply["answers"]:
                yield [Answer(**answer) for answer in reply["answers"]]

    def time(self, n_prompt: int, n_new: int) -> Timing:
        reply = self._ask({"op": "time", "n_prompt": n_prompt, "n_new": n_new})
        return Timing(reply["ttft_s"], reply["per_token_s"])

    def likelihood(self, rows: Sequence[Any], text: str | None, window: int, path: str | None) -> dict[str, Any]:
        """Loss on reference answers and plain text: see eval.engines.likelihood.measure."""
        request = {"op": "likelihood", "rows": list(rows), "text": text, "window": window, "path": path}
        return self._ask(request)

    def describe(self) -> tuple[dict[str, Any], int]:
        """Description of the artifact, and the worker's peak memory so far in bytes."""
        reply = self._ask({"op": "describe"})
        return reply["artifact"], int(reply["peak_memory_bytes"])

    def close(self) -> None:
        """Ends the process, politely first."""
        with contextlib.suppress(OSError, ValueError):
            self._send({"op": "stop"})
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        replies = list(self._stream(request))
        return replies[-1]

    def _stream(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        try:
            self._send(request)
        except OSError:
            raise self._crashed(request["op"]) from None
        done = False
        while not done:
            reply = self._next(request["op"])
            if not reply["ok"]:
                raise (EngineSkippedError if reply["missing_extra"] else EngineError)(reply["error"])
            done = reply["done"]
            yield reply

    def _next(self, operation: str) -> dict[str, Any]:
        try:
            line = self._replies.get(timeout=self._limit_s)
        except queue.Empty:
            self._process.kill()
            raise EngineError(f"no reply to '{operation}' within {self._limit_s:.0f} s; the engine was ended") from None
        if line is None:
            raise self._crashed(operation)
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # closed under our feet when the worker is ended
            for line in self._process.stdout:
                self._replies.put(line)
        self._replies.put(None)

    def _crashed(self, operation: str) -> EngineError:
        status = self._process.wait()
        self._stderr.seek(0)
        said = " | ".join(self._stderr.read().strip().splitlines()[-STDERR_LINES:])
        return EngineError(
            f"the engine's process ended with status {status} during '{operation}'. It said: {said or 'nothing'}"
        )


def worker_environment(spec: EngineSpec) -> dict[str, str]:
    """Environment of a worker; set before any framework is imported."""
    settings = {
        "KERAS_BACKEND": "tensorflow",
        "OMP_NUM_THREADS": str(spec.threads),
        "OPENBLAS_NUM_THREADS": str(spec.threads),
        "TF_NUM_INTRAOP_THREADS": str(spec.threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "NPROC": str(spec.threads),  # JAX
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if spec.device == "cpu":
        settings["CUDA_VISIBLE_DEVICES"] = ""
    return {**os.environ, **settings, **spec.environment}
