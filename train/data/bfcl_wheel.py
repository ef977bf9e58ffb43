"""The pinned wheel of the Berkeley Function-Calling Leaderboard (Apache-2.0 by its metadata; it holds no licence file):
its questions as lines of JSON.

Taken apart and never installed: its dependencies clash. eval/bfcl.py asks its `simple` and `irrelevance` questions as a
test; the smart-home data takes requests from its live part as examples of what no function applies to.
"""

from __future__ import annotations

import json
import zipfile
from typing import Any

from train.data.wheel import fetch_wheel
from train.errors import UserError

WHEEL = "bfcl-eval==2026.3.23"
SHA256 = "3bb6dfa5f0c68ad403c9ec50b00db2bb3b4cc9b38ab1ff33f48fe30d853d3a0a"
FOLDER = "bfcl_eval/data"


def bfcl_lines(*paths: str) -> list[list[dict[str, Any]]]:
    """The lines of these files of the wheel's data folder.

    Raises UserError where the wheel can't be fetched or is not the pinned one.
    """
    with zipfile.ZipFile(fetch_wheel(WHEEL, SHA256)) as wheel:
        return [_lines(wheel, f"{FOLDER}/{path}") for path in paths]


def _lines(wheel: zipfile.ZipFile, path: str) -> list[dict[str, Any]]:
    try:
        text = wheel.read(path).decode("utf-8")
    except KeyError:
        raise UserError(
            f"The wheel of {WHEEL} has no file {path}: it is not the one this project was made for."
        ) from None
    return [json.loads(line) for line in text.splitlines() if line.strip()]
