"""Talks to an exported student: one sentence, or a conversation line by line."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mobile.runtime.actions import Actions
from mobile.runtime.call_grammar import read_tools
from mobile.runtime.chat import Chat
from mobile.runtime.constraint import CONSTRAINTS
from mobile.runtime.errors import ActionError, ContextFullError, ModelError, PromptError
from mobile.runtime.home import Home
from mobile.runtime.runner import quiet_exit
from train.errors import UserError
from train.progress import say

PREFIX = "student-tflite-"


def talk(
    run_path: Path,
    text: str | None,
    engine: str | None,
    threads: int,
    constrain: str | None = None,
    home: Path | None = None,
) -> dict[str, Any] | None:
    """Streams the answer to `text`, or to each line of stdin where there is none.

    Args:
        run_path: run folder, or any folder with a bundle.json.
        engine: "student-tflite-int8", "student-tflite-fp32", …; None takes int8 where there is one.
        constrain: "off", "schema" or "substrings"; None: what bundle.json recommends.
        home: YAML or JSON file with the home's names (mobile/runtime/home.py): what each call comes to is shown, too.
    """
    folder = run_path / "mobile" if (run_path / "mobile").is_dir() else run_path
    if constrain is not None and constrain not in CONSTRAINTS:
        raise UserError(f"--constrain is {constrain!r}; it can be {', '.join(CONSTRAINTS)}.")
    quiet_exit()
    variant = None if engine is None else engine.removeprefix(PREFIX)
    try:
        chat = Chat(folder, variant, threads, constrain=constrain)
        actions = None if home is None else _actions(chat, home)
        if text is not None:
            return {"engine": PREFIX + chat.variant, "prompt": text, **_answer(chat, text, actions)}
        say(f"{folder}, {PREFIX}{chat.variant}. One sentence a line; Ctrl-D ends.")
        _converse(chat, actions, sys.stdin)
    except ModelError as error:
        raise UserError(str(error)) from error
    return None


def _actions(chat: Chat, home: Path) -> Actions:
    """The registry of the folder's functions with the home's names; nothing is registered: all stays dry."""
    if chat.bundle.tools_file is None:
        raise UserError(f"--home {home}: {chat.bundle.folder} has no tools.json, so its answers are no calls.")
    try:
        values = YAML(typ="safe", pure=True).load(home.read_text(encoding="utf-8"))
        tools = read_tools(chat.bundle.folder / chat.bundle.tools_file)
        return Actions(tools, Home(values, tools))
    except (OSError, ValueError, RecursionError, YAMLError) as error:
        raise UserError(f"--home {home} cannot be read as YAML: {error}") from error
    except ActionError as error:
        raise UserError(f"--home {home}: {error}") from error


def _converse(chat: Chat, actions: Actions | None, lines: TextIO) -> None:
    """A line that cannot be answered is named, and the next one is read."""
    if hasattr(lines, "reconfigure"):
        lines.reconfigure(encoding="utf-8", errors="surrogateescape")
    for line in lines:
        if line.strip():
            try:
                _answer(chat, line.strip(), actions)
            except (PromptError, ContextFullError) as error:
                say(str(error))


def _answer(chat: Chat, text: str, actions: Actions | None) -> dict[str, Any]:
    answer = chat.answer(text, on_text=partial(print, end="", flush=True))
    print(flush=True)
    action = None if actions is None else actions.consider(answer)
    if not answer.stopped:
        say("Cut off: the window does not hold what the model meant.")
    if action is not None:
        say(f"-> {'would call ' if action.status == 'ready' else ''}{action.text()}")
    return {
        "answer": answer.text,
        "stopped": answer.stopped,
        "ms": round(1e3 * answer.seconds, 1),
        "first_token_ms": round(1e3 * answer.first, 1),
        "refused_tokens": answer.refused,
    } | ({} if action is None else {"action": action.entry()})
