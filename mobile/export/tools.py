"""The functions that go with a file for the phone: whether there are any, and whether answers can be held to them."""

from __future__ import annotations

import json
from pathlib import Path

from mobile.runtime.call_grammar import CallGrammar, read_tools
from mobile.runtime.errors import ModelError
from train.config.schema import ExportConfig
from train.errors import UserError


def find_tools(path: Path) -> Path | None:
    """`path`, such as data/tools.json; None where there are no functions: no such file, or an empty list."""
    try:
        return path if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != [] else None
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}). Correct it, or run the stage 'data' again.") from error


def check_tools(path: Path, config: ExportConfig) -> None:
    """UserError where answers cannot be held to the functions in `path`, as export.constrain asks."""
    if config.constrain == "off" or find_tools(path) is None:
        return
    try:
        CallGrammar(read_tools(path), substrings=config.constrain == "substrings")
    except ModelError as error:
        raise UserError(
            f"export.constrain is {config.constrain!r}, but {path} does not allow it: {error} "
            "Correct the file that data.tools names and run the stage 'data' again, or set export.constrain=off."
        ) from error
