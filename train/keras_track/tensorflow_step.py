"""The train step on TensorFlow: compiled by XLA once a batch shape, or a graph with bf16 products.

`jit_compile="auto"` is off on a machine without a GPU, so it is asked for here and asserted by a test.

XLA (TensorFlow 2.21) multiplies bf16 on a CPU no faster than fp32; oneDNN, which runs plain graphs, uses AMX: one
product of 2,048 × 576 × 1,536 on one core ran at 135 GFLOP/s under XLA in either type, and at 857 as a bf16 graph. So
`distill.precision: bf16` is a graph that oneDNN's own pass rewrites: products in bf16, weights and losses in fp32.
"""

from __future__ import annotations

from typing import Any, Literal

from train.config.schema import DistillConfig
from train.errors import UserError
from train.hardware import cpu_has_bf16
from train.keras_track.backend import tf
from train.keras_track.student import StudentModel
from train.keras_track.student_loss import clipped, student_loss, summed_cross_entropy
from train.keras_track.train_step import Batch, Tensor, TrainStep


class TensorFlowStep(TrainStep):
    """Gradients, update and validation are three programs.

    Args:
        run_as: None: XLA, or a graph where products are in bf16; the others are for comparing.
    """

    def __init__(
        self, student: StudentModel, config: DistillConfig, run_as: Literal["xla", "graph", "eager"] | None = None
    ) -> None:
        super().__init__(student, config)
        bf16 = _bf16(config)
        # Of the whole process, and so set either way: programs are rewritten when they are traced.
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": bf16})
        run_as = run_as or ("graph" if bf16 else "xla")
        self.XLA = run_as == "xla"

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


def _bf16(config: DistillConfig) -> bool:
    """Whether products are to be in bf16. Raises UserError where that is asked for and can't be."""
    if config.precision == "fp32":
        return False
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    able = cpu_has_bf16() and not on_gpu and config.devices == 1
    if config.precision == "bf16" and not able:
        where = "a GPU" if on_gpu else "this CPU, which has no native bf16"
        raise UserError(
            f"distill.precision is 'bf16', which is made for CPUs with AVX512-BF16 or AMX, not for {where}. "
            "Set distill.precision=fp32."
        )
    return able
