"""tflite-runtime 2.14, the last of its name, in an environment of its own: what old devices have.

It needs NumPy below 2 and Python 3.11 or older, so it cannot live beside the other libraries. The environment is
made once, in the cache folder, and its Python runs `legacy_child.py` on nothing but mobile/runtime.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from train.atomic import whole_folder
from train.cache import cache_folder
from train.errors import TandemError
from train.runs import REPOSITORY

REQUIREMENTS = ("tflite-runtime==2.14.0", "numpy==1.26.4")
PYTHON = (3, 11)
TIMEOUT = 600  # seconds; a hung runtime must not hang the export


class LegacyUnavailableError(TandemError):
    """The old environment cannot be made on this machine."""


def legacy_python() -> Path:
    """The interpreter of the environment, made on first use. LegacyUnavailableError says why it can't be."""
    folder = cache_folder() / REQUIREMENTS[0].replace("==", "-")
    python = folder / "bin" / "python"
    if python.exists():
        return python
    base = sys.executable if sys.version_info[:2] == PYTHON else shutil.which("python3.11")
    if base is None:
        raise LegacyUnavailableError(
            f"{REQUIREMENTS[0]} has wheels up to Python 3.11, this is {sys.version.split()[0]}, and there is no "
            "'python3.11' on the PATH. Install it to check the portable file."
        )
    with whole_folder(folder) as temporary:  # renamed when complete: only bin/python is used, which stands that
        _call([base, "-m", "venv", str(temporary)])
        _call([str(temporary / "bin" / "python"), "-m", "pip", "install", "-q", *REQUIREMENTS])
    return python


def legacy_ids(model: Path, prompts: Sequence[Sequence[int]], steps: int) -> list[list[int]]:
    """Greedy ids of a .tflite file on tflite-runtime, one list a prompt."""
    request = json.dumps({"model": str(model), "prompts": [list(prompt) for prompt in prompts], "steps": steps})
    child = Path(__file__).with_name("legacy_child.py")
    # -P: this folder must not be importable there, or its files would hide other libraries' modules.
    answer = _call([str(legacy_python()), "-P", str(child)], request)
    ids: list[list[int]] = json.loads(answer.splitlines()[-1])
    return ids


def _call(command: list[str], text: str | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    environment["PYTHONPATH"] = str(REPOSITORY)
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, env=environment, timeout=TIMEOUT, check=True
        )
    except subprocess.TimeoutExpired as error:
        raise LegacyUnavailableError(f"{' '.join(command[:6])} … took more than {TIMEOUT} s") from error
    except subprocess.CalledProcessError as error:
        raise LegacyUnavailableError(
            f"{' '.join(command[:6])} … failed: {error.stderr.strip()[-600:] or error.stdout[-600:]}"
        ) from error
    return done.stdout
