"""Work in forked processes: the libraries are imported once, each try is a process that can really be killed.

To be used in a child process of the tests that has not run a backward pass itself: PyTorch refuses to go on after that.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable


def start(work: Callable[[], None]) -> int:
    """Forks a process that does `work`; returns its id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return pid


def wait(pid: int) -> int:
    """Exit status of a forked process; -9 where it was killed."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(work: Callable[[], None]) -> int:
    return wait(start(work))


def run_ranks(work: Callable[[], None], processes: int, port: int) -> list[int]:
    """Does `work` in as many processes as torchrun would start, with its variables."""

    def rank(index: int) -> None:
        os.environ.update(
            RANK=str(index),
            LOCAL_RANK=str(index),
            WORLD_SIZE=str(processes),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=str(port),
            ACCELERATE_USE_CPU="true",
        )
        work()

    return [wait(pid) for pid in [start(lambda index=index: rank(index)) for index in range(processes)]]  # type: ignore[misc]
