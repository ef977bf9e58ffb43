"""Talks to an exported student: one sentence, or a conversation line by line."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from mobile.runtime.chat import Chat
from mobile.runtime.constraint import CONSTRAINTS
from mobile.runtime.errors import ContextFullError, ModelError, PromptError
from mobile.runtime.runner import quiet_exit
from train.errors import UserError
from train.progress import say

PREFIX = "student-tflite-"


def talk(
    run_path: Path, text: str | None, engine: str | None, threads: int, constrain: str | None = None
) -> dict[str, Any] | None:
    """Streams the answer to `text`, or to each line of stdin where there is none.

    Args:
        run_path: run folder, or any folder with a bundle.json.
        engine: "student-tflite-int8", "student-tflite-fp32", …; None takes int8 where there is one.
        constrain: "off", "schema" or "substrings"; None: what bundle.json recommends.
    """
    folder = run_path / "mobile" if (run_path / "mobile").is_dir() else run_path
    if constrain is not None and constrain not in CONSTRAINTS:
        raise UserError(f"--constrain is {constrain!r}; it can be {', '.join(CONSTRAINTS)}.")
    quiet_exit()
    variant = None if engine is None else engine.removeprefix(PREFIX)
    try:
        chat = Chat(folder, variant, threads, constrain=constrain)
        if text is not None:
            return {"engine": PREFIX + chat.variant, "prompt": text, **_answer(chat, text)}
        say(f"{folder}, {PREFIX}{chat.variant}. One sentence a line; Ctrl-D ends.")
        _converse(chat, sys.stdin)
    except ModelError as error:
        raise UserError(str(error)) from error
    return None


def _converse(chat: Chat, lines: TextIO) -> None:
    """A line that cannot be answered is named, and the next one is read."""
    if hasattr(lines, "reconfigure"):
        lines.reconfigure(encoding="utf-8", errors="surrogateescape")
    for line in lines:
        if line.strip():
            try:
                _answer(chat, line.strip())
            except (PromptError, ContextFullError) as error:
                say(str(error))


def _answer(chat: Chat, text: str) -> dict[str, Any]:
    answer = chat.answer(text, on_text=partial(print, end="", flush=True))
    print(flush=True)
    return {
        "answer": answer.text,
        "stopped": answer.stopped,
        "ms": round(1e3 * answer.seconds, 1),
        "first_token_ms": round(1e3 * answer.first, 1),
        "refused_tokens": answer.refused,
    }
