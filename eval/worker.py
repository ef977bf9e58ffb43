"""An engine in a child process: JSON lines in on stdin, JSON lines out on stdout.

Requests: load, answer, time, likelihood, describe, stop. Whatever a framework prints goes to stderr, also what its C++
prints, since the real stdout is taken away before anything is imported. Run by client.py: python -m eval.worker
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import IO, Any

from train.errors import MissingExtraError, TandemError
from train.hardware import peak_memory_mb


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    handler = Handler()
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "stop":
            break
        _reply(handler, request, replies)
    replies.close()


def _reply(handler: Handler, request: dict[str, Any], replies: IO[str]) -> None:
    try:
        for reply in handler.handle(request):
            _send(replies, {"ok": True, **reply})
    except TandemError as error:
        _send(replies, {"ok": False, "error": str(error), "missing_extra": isinstance(error, MissingExtraError)})
    except Exception as error:  # an engine may fail in any way; the parent decides what that means
        import traceback

        traceback.print_exc()
        _send(replies, {"ok": False, "error": f"{type(error).__name__}: {error}", "missing_extra": False})


def _send(replies: IO[str], value: dict[str, Any]) -> None:
    replies.write(json.dumps(value) + "\n")
    replies.flush()


class Handler:
    """Answers requests for the one engine of this process."""

    def __init__(self) -> None:
        self._engine: Any = None

    def handle(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The replies to one request; the last one has `done`."""
        operation = request["op"]
        if operation == "load":
            yield {"done": True, "load_s": self._load(request["spec"])}
        elif operation == "answer":
            for answers in self._engine.answer(request["conversations"], request["max_new_tokens"]):
                yield {"done": False, "answers": [asdict(answer) for answer in answers]}
            yield {"done": True, "answers": []}
        elif operation == "time":
            yield {"done": True, **asdict(self._engine.time_request(request["n_prompt"], request["n_new"]))}
        elif operation == "likelihood":
            from eval.engines.likelihood import measure

            figures = ("rows", "text", "window", "path")
            yield {"done": True, **measure(self._engine, *(request[figure] for figure in figures))}
        elif operation == "describe":
            yield {
                "done": True,
                "artifact": self._engine.describe(),
                "peak_memory_bytes": round(peak_memory_mb() * 1e6),
            }
        else:
            raise ValueError(f"unknown request {operation!r}")

    def _load(self, spec: dict[str, Any]) -> float:
        """Seconds to import the framework and read the artifact."""
        from eval.engines.engine import EngineSpec
        from eval.engines.registry import make_engine

        start = time.perf_counter()
        self._engine = make_engine(EngineSpec(**spec))
        self._engine.load()
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
