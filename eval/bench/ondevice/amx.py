"""Work without AMX, Intel's matrix unit, which no phone has: Linux on x86-64 grants it to a process that asks.

XNNPACK asks when it is loaded, and falls back to VNNI where it is refused. llama.cpp's kernels for it crash here
(mobile/LOG.md), so that only without it both sides have the same instructions.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys

from train.errors import UserError

SET_NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2  # prctl(2)
ARCH_PRCTL, REQUEST_PERMISSION = 158, 0x1023  # the system call, and ARCH_REQ_XCOMP_PERM, its first argument
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF: load a word, jump if equal, return
NUMBER, FIRST_ARGUMENT = 0, 16  # offsets in struct seccomp_data
ALLOW, REFUSE = 0x7FFF0000, 0x00050001  # the latter: EPERM


def deny_amx() -> None:
    """For this process and those it starts, for good. UserError where the system has no such thing."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise UserError(
            f"--no-amx is for Linux on x86-64, and this is {sys.platform}, {platform.machine()}: leave it out."
        )
    steps = [
        (LOAD, 0, 0, NUMBER),
        (EQUAL, 0, 3, ARCH_PRCTL),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (EQUAL, 0, 1, REQUEST_PERMISSION),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(code)))
    library = ctypes.CDLL(None, use_errno=True)
    for arguments in ((SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0)):
        if library.prctl(*arguments):
            raise UserError(f"--no-amx: the system refused a filter (errno {ctypes.get_errno()}). Leave it out.")


def amx_is_granted() -> bool:
    """Whether this process asks for AMX's tiles, and gets them."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    return bool(library.syscall(ARCH_PRCTL, REQUEST_PERMISSION, 18) == 0)  # 18: the state component of the tile data
