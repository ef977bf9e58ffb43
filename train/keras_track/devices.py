"""Data parallelism of the student's training: one copy of the weights a device, one share of each batch.

TensorFlow: tf.distribute.MirroredStrategy (`keras.distribution` does nothing there: weights stay on one device).
JAX: keras.distribution.DataParallel. PyTorch: none through Keras.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from train.errors import UserError
from train.keras_track.backend import BACKEND, keras, tf


@contextmanager
def device_scope(devices: int) -> Iterator[None]:
    """Student and train step made inside belong to that many devices. Raises UserError where there are not so many."""
    if devices == 1:
        yield
    elif BACKEND == "tensorflow":
        names = _enough(tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU"), devices)
        with tf.distribute.MirroredStrategy([device.name for device in names]).scope():
            yield
    elif BACKEND == "jax":
        former = keras.distribution.distribution()
        names = _enough(keras.distribution.list_devices(), devices)
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names, auto_shard_dataset=False))
        try:
            yield
        finally:
            keras.distribution.set_distribution(former)
    else:
        raise UserError(
            f"distill.devices is {devices}, but Keras trains on one device on the back end '{BACKEND}'. "
            "Set distill.devices=1, or student.backend to tensorflow or jax."
        )


def _enough(found: list[Any], wanted: int) -> list[Any]:
    if len(found) < wanted:
        raise UserError(
            f"distill.devices is {wanted}, this machine has {len(found)}: {', '.join(map(str, found))}. Lower it."
        )
    return found[:wanted]
