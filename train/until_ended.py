"""A command that serves a page until it is told to end."""

from __future__ import annotations

import signal
import threading
from types import FrameType


def until_ended() -> None:
    """Returns at Ctrl-C or a polite kill (SIGTERM)."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    ended.wait()
