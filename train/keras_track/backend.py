"""Keras on the back end that KERAS_BACKEND names: checked, set up before first use. Import `keras` from here.

Keras reads KERAS_BACKEND once, when it is imported. Its values are `tensorflow`, `jax` and `torch`. The stage's entry
(stage.py) sets it from `student.backend`; where nobody does, it is `tensorflow`.

KerasHub imports TensorFlow wherever that is installed, also on the other two back ends: 570 MB of memory for nothing,
and both stacks in one process. So it is hidden there.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from train.errors import MissingExtraError, UserError
from train.keras_track.stage import checked_backend
from train.quiet import quiet_stderr

EXTRAS = {"tensorflow": "tensorflow", "jax": "bench", "torch": "torch"}


def share_gpu_memory(tensorflow: Any) -> int:
    """Lets TensorFlow's memory on each GPU grow as needed; returns their number. Must come before its first use.

    Otherwise it takes the whole memory of the card at start, and PyTorch finds none.
    """
    gpus = tensorflow.config.list_physical_devices("GPU")
    for gpu in gpus:
        tensorflow.config.experimental.set_memory_growth(gpu, True)
    return len(gpus)


def _import_framework(name: str) -> Any:
    """The framework under Keras. By name: TensorFlow's lazy modules look empty to a type checker."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow talks of absent CUDA drivers otherwise
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # as memory growth, for JAX
    if name != "tensorflow":
        for hidden in ("tensorflow", "tensorflow_text"):
            sys.modules[hidden] = None  # type: ignore[assignment]
    try:
        with quiet_stderr():
            framework = importlib.import_module(name)
            if name == "tensorflow":
                share_gpu_memory(framework)
    except ImportError:
        raise MissingExtraError(name, EXTRAS[name], f"Keras on the back end '{name}'") from None
    return framework


BACKEND = checked_backend(os.environ.setdefault("KERAS_BACKEND", "tensorflow"), "The variable KERAS_BACKEND")
_framework = _import_framework(BACKEND)
tf: Any = _framework if BACKEND == "tensorflow" else None  # for what runs on TensorFlow alone

try:
    with quiet_stderr():
        import keras
        import keras_hub
except ImportError as error:
    raise MissingExtraError(str(error.name), "tensorflow", "The Keras track") from None

if keras.backend.backend() != BACKEND:
    raise UserError(
        f"Keras was imported on the back end '{keras.backend.backend()}' before the student's training was, which "
        f"needs '{BACKEND}'. Set KERAS_BACKEND={BACKEND} before the first import of keras."
    )

__all__ = ["BACKEND", "keras", "keras_hub", "share_gpu_memory", "tf"]
