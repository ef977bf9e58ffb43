"""Entry of stage `distill`: sets the Keras back end from the config, then imports what uses it.

Nothing here imports Keras: KERAS_BACKEND counts only until then, and so does the number of CPU devices.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from train.config.schema import BACKEND_WORDS
from train.errors import MissingExtraError, UserError
from train.progress import say
from train.quiet import quiet_stderr
from train.runs import StageContext

BACKENDS = ("tensorflow", "jax", "torch")


def run(context: StageContext) -> dict[str, Any]:
    """data/ and logits/ → student/, on the back end `student.backend`. Returns headline figures."""
    backend = context.config.student.backend
    choose_backend(backend)
    split_cpu(backend, context.config.distill.devices)
    from train.keras_track import distill

    return distill.run(context)


def choose_backend(backend: str) -> None:
    """Sets KERAS_BACKEND for this process. The config goes first; another value of the variable is told of."""
    former = checked_backend(os.environ.get("KERAS_BACKEND", backend), "The variable KERAS_BACKEND")
    if former != backend:
        say(f"distill: trains on '{backend}' as student.backend says; KERAS_BACKEND={former} is for other programs")
    os.environ["KERAS_BACKEND"] = backend


def checked_backend(name: str, source: str) -> str:
    """`name`, if Keras knows it. Raises UserError with the right word otherwise."""
    if name in BACKENDS:
        return name
    meant = BACKEND_WORDS.get(name.lower())
    cure = f"Keras calls it '{meant}'." if meant else f"Keras knows {', '.join(BACKENDS)}."
    raise UserError(f"{source} is '{name}', which is no Keras back end. {cure}")


def split_cpu(backend: str, devices: int) -> None:
    """Where there is no GPU, makes the CPU `devices` devices: for trying data parallelism; it is no faster."""
    if devices == 1:
        return
    if backend == "jax":
        if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
            os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(devices))  # read when jax is imported
    elif backend == "tensorflow":
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        try:
            with quiet_stderr():
                tf: Any = importlib.import_module("tensorflow")
        except ImportError:
            raise MissingExtraError("tensorflow", "tensorflow", "The Keras track") from None
        if not tf.config.list_physical_devices("GPU"):
            parts = [tf.config.LogicalDeviceConfiguration()] * devices
            tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
