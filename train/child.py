"""Child processes that run a module of the project, in the caller's folder: relative paths keep their meaning."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from train.runs import REPOSITORY


def module_command(module: str, *arguments: str) -> list[str]:
    """The command of a module; a train.py or eval/ in the caller's folder does not stand in its place (-P)."""
    return [sys.executable, "-P", "-m", module, *arguments]


def module_environment(base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment in which the project's modules are found, installed or not."""
    return {**base, "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), base.get("PYTHONPATH")]))}
