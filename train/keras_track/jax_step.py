"""The train step on JAX: jit of value_and_grad over stateless calls; the buffers of the old state are given away."""

from __future__ import annotations

import importlib
from typing import Any

from train.config.schema import DistillConfig
from train.keras_track.backend import keras
from train.keras_track.student import StudentModel
from train.keras_track.student_loss import clipped, student_loss, summed_cross_entropy
from train.keras_track.train_step import Batch, Tensor, TrainStep

jax: Any = importlib.import_module("jax")
Values = list[Tensor]


class JaxStep(TrainStep):
    """Variables go in and come out as values; under keras.distribution the batch is split over its devices."""

    def __init__(self, student: StudentModel, config: DistillConfig) -> None:
        super().__init__(student, config)
        self._distribution = keras.distribution.distribution()
        self._compiled, self._evaluate = jax.jit(self._gradients), jax.jit(self._cross_entropy)
        # Old weights and moments have no further use: the new ones take their memory.
        self._apply = jax.jit(self._updated, donate_argnums=(0, 1))

    def gradients(self, batch: Batch) -> Any:
        return self._compiled(self._weights(), self.placed(batch))

    def update(self, gradients: Any) -> None:
        variables, moments = self.student.trainable_variables, self.optimizer.variables
        values = self._apply(self._weights(), [variable.value for variable in moments], gradients)
        for variable, value in zip((*variables, *moments), (*values[0], *values[1]), strict=True):
            variable.assign(value)

    def cross_entropy(self, batch: Batch) -> tuple[Tensor, Tensor]:
        loss, weight = self._evaluate(self._weights(), self.placed(batch))
        return loss, weight

    def placed(self, batch: Batch) -> dict[str, Tensor]:
        """The batch on its devices: rows 0 … B/n − 1 on the first."""
        if self._distribution is None:
            return dict(batch)
        layouts = {name: self._distribution.get_data_layout(array.shape) for name, array in batch.items()}
        return {name: keras.distribution.distribute_tensor(array, layouts[name]) for name, array in batch.items()}

    def _weights(self) -> Values:
        return [variable.value for variable in self.student.trainable_variables]

    def _stateless(self, values: Values) -> Any:
        return keras.StatelessScope(list(zip(self.student.trainable_variables, values, strict=True)))

    def _gradients(self, values: Values, batch: Batch) -> tuple[Values, Tensor, Tensor, Tensor]:
        (loss, ce), raw = jax.value_and_grad(self._loss, has_aux=True)(values, batch)
        gradients, norm = clipped(raw, self._config.clip_norm)
        return gradients, loss, ce, norm

    def _loss(self, values: Values, batch: Batch) -> tuple[Tensor, Tensor]:
        with self._stateless(values):
            return student_loss(self.student, batch, self._config)

    def _updated(self, values: Values, moments: Values, gradients: Values) -> tuple[Values, Values]:
        weights, others = self.optimizer.stateless_apply(moments, gradients, values)
        return weights, others

    def _cross_entropy(self, values: Values, batch: Batch) -> tuple[Tensor, Tensor]:
        with self._stateless(values):
            return summed_cross_entropy(self.student, batch)
