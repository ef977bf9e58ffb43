"""Keras on TensorFlow: set before Keras is imported, checked after. Import `keras` and `tf` from here.

Keras reads KERAS_BACKEND once, when it is imported. Its values are `tensorflow`, `jax` and `torch`.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from train.errors import MissingExtraError, UserError
from train.quiet import quiet_stderr

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
if os.environ["KERAS_BACKEND"] != "tensorflow":
    raise UserError(
        f"KERAS_BACKEND is '{os.environ['KERAS_BACKEND']}', the student's training needs 'tensorflow'. "
        "Set KERAS_BACKEND=tensorflow, or unset it."
    )
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow talks of absent CUDA drivers otherwise

try:
    with quiet_stderr():
        # Imported by name: its lazy modules look empty to a type checker.
        tf: Any = importlib.import_module("tensorflow")
        for _gpu in tf.config.list_physical_devices("GPU"):
            # Otherwise TensorFlow takes the whole memory of the card at its first use. Too late after that.
            tf.config.experimental.set_memory_growth(_gpu, True)
except ImportError:
    raise MissingExtraError("tensorflow", "tensorflow", "The Keras track") from None

try:
    with quiet_stderr():
        import keras
        import keras_hub
except ImportError as error:
    raise MissingExtraError(str(error.name), "tensorflow", "The Keras track") from None

if keras.backend.backend() != "tensorflow":
    raise UserError(
        f"Keras was imported on the back end '{keras.backend.backend()}' before the student's training was, "
        "which needs 'tensorflow'. Set KERAS_BACKEND=tensorflow before the first import of keras."
    )

__all__ = ["keras", "keras_hub", "tf"]
