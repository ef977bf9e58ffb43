"""One process at a time in a run folder. The kernel lets go of a lock when its process ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from train.errors import UserError
from train.progress import say
from train.runs import RunFolder

WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)  # as on Lustre that is mounted without flock


@contextmanager
def locked(run: RunFolder) -> Iterator[None]:
    """Holds the run folder for this process. Raises UserError where another one has it."""
    with _opened(run.path / ".lock") as handle:
        if not _taken(handle, run.path, fcntl.LOCK_NB):
            raise UserError(
                f"Another process works in {run.path}. Wait for it, or choose another name for this run (name=…)."
            )
        yield


@contextmanager
def in_turn(run: RunFolder, what: str) -> Iterator[None]:
    """Lets one process after the other make `what` in a run folder; each of its stages holds the folder itself."""
    with _opened(run.path / ".turn.lock") as handle:
        if not _taken(handle, run.path, fcntl.LOCK_NB):
            say(f"{run.path}: another process makes {what}, waiting for it")
            _taken(handle, run.path)
        yield


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield handle
    finally:
        os.close(handle)


def _taken(handle: int, folder: Path, flags: int = 0) -> bool:
    """Takes the lock of an open file; False where LOCK_NB is among the flags and another process has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | flags)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        say(f"{folder} lies on a file system without locks: see to it that no other process works there")
    return True
