"""What ai-edge-litert itself says of a model: its verifier, its operators, one call of decode and of a prefill."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mobile.check.finding import LITERT, Fault, Rule, Severity
from train.child import module_command, module_environment
from train.errors import MissingExtraError

TIMEOUT_S = 600.0
COPY_AGAIN = "Copy or download the file again and compare its sha256; if it is whole, export it again."


@dataclass(frozen=True)
class Load:
    """Outcome of a load in a child process: `stage` is "load", "prepare", a signature or "done"."""

    stage: str
    error: str | None
    logits: str | None

    @property
    def damaged(self) -> bool:
        """The runtime gave up before it looked at the operators."""
        return self.stage == "load" and self.error is not None and not _names_operator(self.error)


def load(path: Path, offset: int, length: int) -> Load:
    """Loads bytes [offset, offset + length) of `path` with ai-edge-litert. Never raises for a bad model."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        raise MissingExtraError("ai-edge-litert", "mobile", "Checking a .tflite file")
    environment = module_environment() | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    command = module_command("mobile.check.load_child", str(path), str(offset), str(length))
    try:
        child = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return Load("load", f"no answer within {TIMEOUT_S:.0f} s", None)
    if child.returncode < 0:
        return Load("load", f"the process died of {signal.Signals(-child.returncode).name}", None)
    if child.returncode:
        return Load("load", " ".join(child.stderr.split())[-300:], None)
    return Load(**json.loads(child.stdout.splitlines()[-1]))


def damaged(result: Load) -> Iterator[Fault]:
    """Not a whole, well-formed .tflite file."""
    if result.damaged:
        yield Fault("file", f"the file is damaged or cut short: {result.error}", COPY_AGAIN)


def refused(result: Load) -> Iterator[Fault]:
    """Well-formed, but the runtime can't prepare or run it."""
    if result.error is not None and not result.damaged:
        yield Fault(
            "file" if result.stage in ("load", "prepare") else result.stage,
            f"the runtime gave up: {result.error}",
            "See the other findings for the reason; without any, convert again with the pinned versions.",
        )


def useless_logits(result: Load) -> Iterator[Fault]:
    """decode ran, but its logits say nothing."""
    if result.logits in ("zero", "not finite"):
        yield Fault(
            "decode",
            f"the logits of one token are {'all zero' if result.logits == 'zero' else 'not finite'}",
            "A scale or a weight is lost or overflows: compare with the float32 file, and quantise again.",
        )


def _names_operator(error: str) -> bool:
    return "find op" in error or "custom op" in error or "Registration failed" in error or "opcode" in error


RULES = (
    Rule("damaged", Severity.ERROR, LITERT, damaged),
    Rule("refused", Severity.ERROR, LITERT, refused),
    Rule("useless-logits", Severity.ERROR, LITERT, useless_logits),
)
