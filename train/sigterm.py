"""SIGTERM (kill, Slurm, systemd, Kubernetes) ends a command in order, as Ctrl-C does: with its children, status 143.

Ctrl-C reaches every process of the terminal by itself; SIGTERM reaches one, whose children would go on alone, with the
GPU and the lock of the run folder.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any

from train.progress import say

CLEARING_S = 10.0
TERMINATED = 128 + signal.SIGTERM


@contextmanager
def in_order() -> Iterator[None]:
    """Within the block SIGTERM is a SystemExit: files are closed, half-made folders deleted.

    Not in one of several processes: torchrun ends the others by it when one has failed, and they may stand in a
    collective that never returns to Python.
    """

    asked = float("-inf")

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        # One that follows soon would cut off the clearing away; a later one comes because the first had no effect: a
        # callback swallows what is raised within it.
        if time.monotonic() - asked > CLEARING_S:
            asked = time.monotonic()
            raise SystemExit(TERMINATED)

    with _handled(end) if int(os.environ.get("WORLD_SIZE") or 1) == 1 else nullcontext():
        try:
            yield
        except SystemExit as ended:
            if ended.code == TERMINATED:
                say("terminated: finished stages and checkpoints are kept, the same command goes on from there")
            raise


@contextmanager
def child(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A child process to wait for, which neither Ctrl-C nor SIGTERM leaves behind; `options` are Popen's.

    Raises:
        SystemExit: SIGTERM came; it was handed on, and the child has ended.
    """
    process: subprocess.Popen[Any] | None = None
    asked = False

    def hand_on(number: int = 0, frame: FrameType | None = None) -> None:
        nonlocal asked
        asked = True
        if process is not None:
            process.terminate()

    with _handled(hand_on):
        process = subprocess.Popen(command, **options)
        if asked:  # while it was started
            hand_on()
        try:
            yield process
        except KeyboardInterrupt:
            process.wait()  # Ctrl-C reaches the whole group: the child is ending too
            raise
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if asked:
        raise SystemExit(TERMINATED)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Where nobody else handles SIGTERM, or ignores it."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
