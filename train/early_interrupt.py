"""Ctrl-C while the program is still being imported: a line and status 130, as afterwards in `command.guarded`."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import NoReturn


def begin() -> None:
    """To be called before the imports that take long. A job of the background, which ignores Ctrl-C, goes on so."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def give_back() -> None:
    """From here on Ctrl-C is a KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    os.write(2, b"interrupted\n")
    os._exit(130)  # no traceback, and nothing to clear away yet
