"""Work without AMX: the permission is refused to a process and to those it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from eval.bench.ondevice import amx
from train.errors import UserError
from train.runs import REPOSITORY

ASKED = "from eval.bench.ondevice.amx import amx_is_granted; print(amx_is_granted())"
DENIED = f"""
import subprocess, sys
from eval.bench.ondevice.amx import amx_is_granted, deny_amx
deny_amx()
print(amx_is_granted())
print(subprocess.run([sys.executable, "-c", {ASKED!r}], capture_output=True, text=True, check=True).stdout)
"""


def test_neither_a_process_nor_its_children_get_amx() -> None:
    done = subprocess.run([sys.executable, "-c", DENIED], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if "the system refused a filter" in done.stderr:
        pytest.skip("this system lets no process set a seccomp filter")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "False"]


def test_other_systems_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amx.platform, "machine", lambda: "arm64")
    with pytest.raises(UserError, match=r"--no-amx is for Linux on x86-64.*arm64"):
        amx.deny_amx()
    assert not amx.amx_is_granted()
