"""Talks to an exported student: one sentence, or a conversation line by line."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from mobile.runtime.chat import Chat
from mobile.runtime.errors import ModelError
from train.errors import UserError
from train.progress import say

PREFIX = "student-tflite-"


def talk(run_path: Path, text: str | None, engine: str, threads: int) -> dict[str, Any] | None:
    """Streams the answer to `text`, or to each line of stdin where there is none.

    Args:
        run_path: run folder, or any folder with a bundle.json.
        engine: "student-tflite-int8", "student-tflite-fp32".
    """
    folder = run_path / "mobile" if (run_path / "mobile").is_dir() else run_path
    try:
        chat = Chat(folder, engine.removeprefix(PREFIX), threads)
        if text is not None:
            return {"engine": engine, "prompt": text, **_answer(chat, text)}
        say(f"{folder}, {engine}. One sentence a line; Ctrl-D ends.")
        for line in sys.stdin:
            if line.strip():
                _answer(chat, line.strip())
    except ModelError as error:
        raise UserError(str(error)) from error
    return None


def _answer(chat: Chat, text: str) -> dict[str, Any]:
    started = time.perf_counter()
    pieces = []
    for piece in chat.stream(text):
        pieces.append(piece)
        print(piece, end="", flush=True)
    print(flush=True)
    return {"answer": "".join(pieces), "ms": round(1e3 * (time.perf_counter() - started), 1)}
