"""The train step on TensorFlow: compiled by XLA once a batch shape.

`jit_compile="auto"` is off on a machine without a GPU, so it is asked for here and asserted by a test.
"""

from __future__ import annotations

from typing import Any, Literal

from train.config.schema import DistillConfig
from train.keras_track.backend import tf
from train.keras_track.student import StudentModel
from train.keras_track.student_loss import clipped, student_loss, summed_cross_entropy
from train.keras_track.train_step import Batch, Tensor, TrainStep


class TensorFlowStep(TrainStep):
    """Gradients, update and validation are three programs.

    Args:
        run_as: "graph" and "eager" are for comparing; training is always "xla".
    """

    def __init__(
        self, student: StudentModel, config: DistillConfig, run_as: Literal["xla", "graph", "eager"] = "xla"
    ) -> None:
        super().__init__(student, config)

        def program(function: Any) -> Any:
            if run_as == "eager":
                return function
            return tf.function(function, jit_compile=run_as == "xla", autograph=False)

        # The update is a program of its own: compiled once, not once a bucket.
        self._compiled, self._update, self._evaluate = map(program, (self._gradients, self._apply, self._cross_entropy))

    def gradients(self, batch: Batch) -> Any:
        return self._compiled(batch)

    def update(self, gradients: Any) -> None:
        self._update(gradients)

    def cross_entropy(self, batch: Batch) -> tuple[Tensor, Tensor]:
        loss, weight = self._evaluate(batch)
        return loss, weight

    def uses_xla(self, batch: Batch) -> bool:
        """Whether the step for this batch's shape was compiled as one XLA program."""
        graph = self._compiled.get_concrete_function(batch)
        return bool(graph.function_def.attr["_XlaMustCompile"].b)

    def _gradients(self, batch: Batch) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
        loss, ce, raw = self._raw_gradients(batch)
        gradients, norm = clipped(raw, self._config.clip_norm)
        return gradients, loss, ce, norm

    def _raw_gradients(self, batch: Batch) -> tuple[Tensor, Tensor, list[Tensor]]:
        with tf.GradientTape() as tape:
            loss, ce = student_loss(self.student, batch, self._config)
        variables = [variable.value for variable in self.student.trainable_variables]
        return loss, ce, tape.gradient(loss, variables)

    def _apply(self, gradients: list[Tensor]) -> None:
        self.optimizer.apply(gradients, self.student.trainable_variables)

    def _cross_entropy(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return summed_cross_entropy(self.student, batch)
