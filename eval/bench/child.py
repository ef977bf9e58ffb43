"""A contestant's process: JSON lines in on stdin, JSON lines out on stdout.

Run by process.py: python -m eval.bench.child
Requests: load, train, forward, read, said, facts, request, commands, memory. What a framework prints goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from train.errors import TandemError
from train.hardware import peak_memory_mb


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    handler = Handler()
    for line in sys.stdin:
        try:
            reply = handler.handle(**json.loads(line))
        except Exception as error:  # a contestant may fail in any way: it is reported, the others go on
            first = (str(error).strip().splitlines() or [""])[0]
            text = str(error) if isinstance(error, TandemError) else f"{type(error).__name__}: {first}"
            reply = {"error": text}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


class Handler:
    """Does what is asked of the one contestant of this process."""

    def __init__(self) -> None:
        self._work: Any = None

    def handle(self, op: str, **request: Any) -> dict[str, Any]:
        """The reply to one request. Times are wall seconds."""
        if op == "load":
            return {"seconds": self._load(**request)}
        if op in ("train", "forward"):
            return self._timed(getattr(self._work, op), request["times"])
        if op == "read":
            seconds, tokens = self._work.read()
            return {"seconds": seconds, "tokens": tokens}
        if op == "commands":
            return dict(self._work.commands(**request))
        if op in ("said", "facts", "request"):
            return dict(getattr(self._work, op)())
        return {"peak_memory_bytes": round(peak_memory_mb() * 1e6)}

    def _load(self, work: str, folder: str, how: str) -> float:
        """Imports the framework and reads the workload."""
        start = time.perf_counter()
        module, _, name = work.partition(":")
        self._work = getattr(importlib.import_module(f"eval.bench.{module}"), name)(Path(folder), how)
        return time.perf_counter() - start

    @staticmethod
    def _timed(work: Any, times: int) -> dict[str, Any]:
        seconds, values = [], []
        for _ in range(times):
            start = time.perf_counter()
            values.append(work())
            seconds.append(time.perf_counter() - start)
        return {"seconds": seconds, "values": values}


if __name__ == "__main__":
    main()
