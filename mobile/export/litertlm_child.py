"""Greedy answers of the official LiteRT-LM runtime, in a process of its own: it aborts on some faults.

python -m mobile.export.litertlm_child < {"bundle": …, "texts": […], "steps": N}     answers: the last line, JSON
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def main() -> None:
    request = json.load(sys.stdin)
    runtime: Any = importlib.import_module("litert_lm")
    runtime.set_min_log_severity(runtime.LogSeverity.ERROR)
    backend = runtime.Backend.CPU(thread_count=1)
    engine = runtime.Engine(request["bundle"], backend=backend, cache_dir=":nocache")
    answers = [_answer(engine, text, request["steps"]) for text in request["texts"]]
    engine.close()  # after its conversations: the other way round it crashes
    print("\n" + json.dumps(answers))


def _answer(engine: Any, text: str, steps: int) -> str:
    conversation = engine.create_conversation(max_output_tokens=steps)
    try:
        message = conversation.send_message(text)
    finally:
        conversation.close()
    return str(message)


if __name__ == "__main__":
    main()
