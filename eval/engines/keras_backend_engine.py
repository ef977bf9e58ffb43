"""The student's `.keras` file on another Keras back end than the one that trained it: JAX or PyTorch.

The back end is chosen by KERAS_BACKEND in the worker's environment (registry.py). TensorFlow is hidden from the
process: KerasHub would import it wherever it is installed, and its memory and load time would be counted here.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

from eval.engines.keras_engine import KerasEngine
from train.chat import ChatTokenizer
from train.errors import MissingExtraError, TandemError


class KerasBackendEngine(KerasEngine):
    """`student-keras-jax` and `student-keras-torch`."""

    def load(self) -> None:
        backend = os.environ["KERAS_BACKEND"]
        hide_tensorflow()
        try:
            importlib.import_module(backend)
            import keras
            import keras_hub
        except ImportError as error:
            extra = "bench" if backend == "jax" else "torch"
            raise MissingExtraError(error.name or backend, extra, f"The engine {self.spec.engine!r}") from None
        if keras.backend.backend() != backend:
            raise TandemError(f"Keras runs on {keras.backend.backend()!r} here, not on {backend!r}.")
        stand_in(keras, keras_hub)
        from train.keras_track.student import load_student

        self.tokenizer = ChatTokenizer.load(self.spec.run.data / "tokenizer")
        self.adopt(load_student(self.path()).backbone)

    def compiled_step(self) -> Any:
        """`call_with_cache` as the back end runs it best: compiled by JAX, eager without gradients in PyTorch."""
        if os.environ["KERAS_BACKEND"] == "torch":
            torch: Any = importlib.import_module("torch")
            torch.set_num_threads(self.spec.threads)
            return torch.no_grad()(self._lm.call_with_cache)
        jax: Any = importlib.import_module("jax")
        return jax.jit(self._lm.call_with_cache)


def hide_tensorflow() -> None:
    """Makes `import tensorflow` fail in this process, as if it were not installed."""
    for name in ("tensorflow", "tensorflow_text"):
        sys.modules[name] = None  # type: ignore[assignment]


def stand_in(keras: ModuleType, keras_hub: ModuleType) -> None:
    """Answers `from train.keras_track.backend import keras, keras_hub`, which otherwise insists on TensorFlow.

    The student's class is made from these two modules alone; what trains it needs TensorFlow, and is not used here.
    """
    module: Any = ModuleType("train.keras_track.backend")
    module.keras, module.keras_hub = keras, keras_hub
    sys.modules[module.__name__] = module
