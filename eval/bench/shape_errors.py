"""What each framework says about a wrong shape in user code (user_layer.py): how long, does it name the line."""

from __future__ import annotations

import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench.user_layer import MISTAKE_LINE, layer


@dataclass(frozen=True)
class Said:
    """A message measured.

    `message_lines`: lines of str(error), `printed_lines`: those of the whole traceback that a user sees.
    """

    error: str
    message_lines: int
    printed_lines: int
    line_in_message: bool
    line_in_traceback: bool
    shapes_named: bool
    first_line: str


class Mistake:
    """Makes the mistake once. `how`: framework and compiler."""

    def __init__(self, folder: Path, how: str) -> None:
        self._call = _CALLS[how]

    def said(self) -> dict[str, Any]:
        x, weight = np.ones((2, 4), np.float32), np.ones((5, 3), np.float32)
        try:
            self._call(x, weight)
        except Exception as error:  # whatever the framework raises is what we want to see
            return asdict(measure(error))
        raise AssertionError("the mistake was not noticed")


def measure(error: BaseException) -> Said:
    """Counts lines and looks for user_layer.py with the mistake's line number."""
    message, printed = str(error), "".join(traceback.format_exception(error))
    name = Path(layer.__code__.co_filename).name
    return Said(
        error=type(error).__name__,
        message_lines=len(message.strip().splitlines()),
        printed_lines=len(printed.strip().splitlines()),
        line_in_message=_names(message, name),
        line_in_traceback=_names(printed, name),
        shapes_named=all(str(number) in message for number in (4, 5)),
        first_line=(message.strip().splitlines() or [""])[0][:160],
    )


def _names(text: str, file: str) -> bool:
    forms = (f'{file}", line {MISTAKE_LINE}', f"{file}:{MISTAKE_LINE}", f"{file} line {MISTAKE_LINE}")
    return any(form in text for form in forms)


def _torch(compiled: bool) -> Any:
    def call(x: Any, weight: Any) -> Any:
        import torch

        function: Any = torch.compile(layer) if compiled else layer
        return function(torch.from_numpy(x), torch.from_numpy(weight))

    return call


def _tensorflow(how: str) -> Any:
    def call(x: Any, weight: Any) -> Any:
        from train.keras_track.backend import tf

        function = layer if how == "eager" else tf.function(layer, jit_compile=how == "xla")
        return function(tf.constant(x), tf.constant(weight))

    return call


def _jax(x: Any, weight: Any) -> Any:
    import jax

    return jax.jit(layer)(x, weight)


_CALLS: dict[str, Any] = {
    "torch-eager": _torch(False),
    "torch-compile": _torch(True),
    "tf-eager": _tensorflow("eager"),
    "tf-graph": _tensorflow("graph"),
    "tf-xla": _tensorflow("xla"),
    "jax-jit": _jax,
}
