"""One training step and one validation step, compiled by XLA once a batch shape.

`jit_compile="auto"` is off on a machine without a GPU, so it is asked for and asserted here.
"""

from __future__ import annotations

from typing import Any

from train.config.schema import DistillConfig
from train.distill.kd_loss import cross_entropy, distillation_loss
from train.errors import TandemError
from train.keras_track.backend import keras, tf
from train.keras_track.student import StudentModel

Tensor = Any
TEACHER = ("ids", "logprobs", "lse", "has_kd")


class TrainStep:
    """AdamW on the distillation loss, gradients clipped by their global norm; decay on matrices only.

    Example:
        step = TrainStep(student, config.distill)
        loss, cross_entropy, grad_norm = step(batch, learning_rate=1e-3)
    """

    def __init__(self, student: StudentModel, config: DistillConfig) -> None:
        self.student, self._config = student, config
        self.optimizer = keras.optimizers.AdamW(learning_rate=config.learning_rate, weight_decay=config.weight_decay)
        self.optimizer.exclude_from_weight_decay(var_names=["scale"])  # the norms; all else is a matrix
        self.optimizer.build(student.trainable_variables)
        # The update is a program of its own: compiled once, not once a bucket.
        self._compiled, self._update, self._evaluate = (
            tf.function(function, jit_compile=True, autograph=False)
            for function in (self._gradients, self._apply, self._cross_entropy)
        )

    def __call__(self, batch: dict[str, Tensor], learning_rate: float) -> tuple[float, float, float]:
        """Loss, cross-entropy and gradient norm of one step. Raises TandemError where the loss is not a number."""
        gradients, *figures = self._compiled(batch)
        loss, ce, norm = (float(value) for value in figures)
        if not (abs(loss) < float("inf") and norm < float("inf")):
            raise TandemError(
                f"The loss is {loss}, its gradient norm {norm}. Lower distill.learning_rate "
                f"({self._config.learning_rate}) or raise distill.warmup_steps. "
                "This step was not taken."
            )
        self.optimizer.learning_rate = learning_rate
        self._update(gradients)
        return loss, ce, norm

    def evaluate(self, batches: Any) -> float:
        """Cross-entropy in nats over all supervised tokens of the batches ÷ their number."""
        total = tokens = 0.0
        for batch in batches:
            loss, weight = self._evaluate(batch)
            total, tokens = total + float(loss), tokens + float(weight)
        return total / max(tokens, 1.0)

    def uses_xla(self, batch: dict[str, Tensor]) -> bool:
        """Whether the step for this batch's shape was compiled as one XLA program."""
        graph = self._compiled.get_concrete_function(batch)
        return bool(graph.function_def.attr["_XlaMustCompile"].b)

    def state(self) -> dict[str, list[Any]]:
        """Variables that a checkpoint holds."""
        return {"student": self.student.trainable_variables, "optimizer": self.optimizer.variables}

    def _gradients(self, batch: dict[str, Tensor]) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
        """Clipped gradients, loss, cross-entropy, norm before clipping."""
        teacher = {name: _flat(batch[name]) for name in TEACHER if name in batch}
        variables = self.student.trainable_variables
        with tf.GradientTape() as tape:
            loss, ce = distillation_loss(
                self._logits(batch),
                _flat(batch["labels"]),
                _flat(batch["weights"]),
                teacher,
                self._config.alpha,
                self._config.temperature,
            )
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        gradients, norm = tf.clip_by_global_norm(gradients, self._config.clip_norm)
        return gradients, loss, ce, norm

    def _apply(self, gradients: list[Tensor]) -> None:
        self.optimizer.apply(gradients, self.student.trainable_variables)

    def _cross_entropy(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        weights, losses = _flat(batch["weights"]), cross_entropy(self._logits(batch), _flat(batch["labels"]))
        return tf.reduce_sum(weights * losses), tf.reduce_sum(weights)

    def _logits(self, batch: dict[str, Tensor]) -> Tensor:
        """[B·M,V]: the head runs at supervised positions alone."""
        hidden = self.student.hidden(batch["token_ids"], batch["padding_mask"])
        chosen = tf.gather(hidden, batch["positions"], batch_dims=1)
        return self.student.logits(_flat(chosen))


def _flat(tensor: Tensor) -> Tensor:
    """[B,M,…] → [B·M,…]."""
    return tf.reshape(tensor, [tensor.shape[0] * tensor.shape[1], *tensor.shape[2:]])
