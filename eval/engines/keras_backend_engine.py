"""The student's `.keras` file on another Keras back end than the one that trained it: JAX or PyTorch.

The back end is chosen by KERAS_BACKEND in the worker's environment (registry.py); train/keras_track/backend.py hides
TensorFlow there, whose memory and load time would be counted here otherwise.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from eval.engines.keras_engine import KerasEngine


class KerasBackendEngine(KerasEngine):
    """`student-keras-jax` and `student-keras-torch`."""

    def compiled_step(self) -> Any:
        """`call_with_cache` as the back end runs it best: compiled by JAX, eager without gradients in PyTorch."""
        if os.environ["KERAS_BACKEND"] == "torch":
            torch: Any = importlib.import_module("torch")
            torch.set_num_threads(self.spec.threads)
            return torch.no_grad()(self._lm.call_with_cache)
        jax: Any = importlib.import_module("jax")
        return jax.jit(self._lm.call_with_cache)
