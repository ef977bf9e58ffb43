"""One training step and one validation step of the student; one class a back end does the work.

tensorflow_step.py tf.function under XLA · mirrored_step.py the same on several devices · jax_step.py · torch_step.py
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from train.config.schema import DistillConfig
from train.errors import TandemError
from train.keras_track.backend import BACKEND, keras
from train.keras_track.batch_shapes import check_batch
from train.keras_track.student import StudentModel

Tensor = Any
Batch = Mapping[str, Any]
CLASSES = {
    "tensorflow": "train.keras_track.tensorflow_step:TensorFlowStep",
    "jax": "train.keras_track.jax_step:JaxStep",
    "torch": "train.keras_track.torch_step:TorchStep",
}


class TrainStep(ABC):
    """AdamW on the distillation loss, gradients clipped by their global norm; decay on matrices only.

    Example:
        step = train_step(student, config.distill)
        loss, cross_entropy, grad_norm = step(batch, learning_rate=1e-3)
    """

    XLA = True  # whether this class is meant to run as XLA programs

    def __init__(self, student: StudentModel, config: DistillConfig) -> None:
        self.student, self._config = student, config
        self.optimizer = keras.optimizers.AdamW(learning_rate=config.learning_rate, weight_decay=config.weight_decay)
        self.optimizer.exclude_from_weight_decay(var_names=["scale"])  # the norms; all else is a matrix
        self.optimizer.build(student.trainable_variables)
        self._seen: set[tuple[Any, ...]] = set()

    def __call__(self, batch: Batch, learning_rate: float) -> tuple[float, float, float]:
        """Loss, cross-entropy and gradient norm of one step. Raises TandemError where the loss is not a number."""
        self._check(batch)
        gradients, *figures = self.gradients(batch)
        loss, ce, norm = (float(value) for value in figures)
        if not (abs(loss) < float("inf") and norm < float("inf")):
            raise TandemError(
                f"The loss is {loss}, its gradient norm {norm}. Lower distill.learning_rate "
                f"({self._config.learning_rate}) or raise distill.warmup_steps. "
                "This step was not taken."
            )
        self.optimizer.learning_rate = learning_rate
        self.update(gradients)
        return loss, ce, norm

    def evaluate(self, batches: Iterable[Batch]) -> float:
        """Cross-entropy in nats over all supervised tokens of the batches ÷ their number."""
        total = tokens = 0.0
        for batch in batches:
            self._check(batch)
            loss, weight = self.cross_entropy(batch)
            total, tokens = total + float(loss), tokens + float(weight)
        return total / max(tokens, 1.0)

    def state(self) -> dict[str, list[Any]]:
        """Variables that a checkpoint holds."""
        return {"student": self.student.trainable_variables, "optimizer": self.optimizer.variables}

    @abstractmethod
    def gradients(self, batch: Batch) -> tuple[Any, Tensor, Tensor, Tensor]:
        """Clipped gradients, loss, cross-entropy, norm before clipping."""

    @abstractmethod
    def update(self, gradients: Any) -> None:
        """Takes the step."""

    @abstractmethod
    def cross_entropy(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Summed cross-entropy of a batch, and its supervised tokens."""

    def uses_xla(self, batch: Batch) -> bool:
        """Whether the step for this batch's shape was compiled as one XLA program."""
        return self.XLA

    def _check(self, batch: Batch) -> None:
        """One-line errors for wrong shapes, once a shape: a graph compiler's own messages have dozens of lines."""
        shapes = tuple((name, tuple(batch[name].shape)) for name in sorted(batch))
        if shapes not in self._seen:
            check_batch(batch)
            self._seen.add(shapes)


def train_step(student: StudentModel, config: DistillConfig) -> TrainStep:
    """The train step of the back end in use; made inside `device_scope` where there are several devices."""
    name = CLASSES[BACKEND]
    if BACKEND == "tensorflow" and config.devices > 1:
        name = "train.keras_track.mirrored_step:MirroredStep"
    module, _, class_name = name.partition(":")
    made: TrainStep = getattr(importlib.import_module(module), class_name)(student, config)
    return made
