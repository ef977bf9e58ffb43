"""Faults that the command line turns into one clear message and an exit status.

Exit status: 0 done, 1 a fault of the program or the machine, 2 the user's input is wrong,
3 a gate or check failed, 130 interrupted.
"""

from __future__ import annotations

from typing import Any


class TandemError(Exception):
    """Base of all faults that are reported as one message, without a traceback."""

    exit_status = 1


class UserError(TandemError):
    """The user's input (config, data, file, command line) is wrong.

    The message says what is wrong, the value got, where it came from, and what to do.
    """

    exit_status = 2


class GateError(TandemError):
    """A gate or check failed: the input was fine, the result is not good enough.

    `result` is what the command would have printed as its last line; it is printed all the same.
    """

    exit_status = 3

    def __init__(self, message: str, result: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.result = result


class MissingExtraError(UserError):
    """A library of an optional extra is not installed."""

    def __init__(self, library: str, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the library '{library}', which is not installed here. "
            f"Install it with: pip install -c constraints.txt -e '.[{extra}]'"
        )
