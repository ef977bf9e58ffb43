"""The train step on PyTorch under Keras: eager."""

from __future__ import annotations

from typing import Any

import torch

from train.keras_track.backend import keras
from train.keras_track.student_loss import clipped, student_loss, summed_cross_entropy
from train.keras_track.train_step import Batch, Tensor, TrainStep


class TorchStep(TrainStep):
    """Keras chooses the device: CUDA where PyTorch has it."""

    XLA = False

    def gradients(self, batch: Batch) -> tuple[Any, Tensor, Tensor, Tensor]:
        loss, ce = student_loss(self.student, _tensors(batch), self._config)
        raw = torch.autograd.grad(loss, [variable.value for variable in self.student.trainable_variables])
        with torch.no_grad():
            gradients, norm = clipped(raw, self._config.clip_norm)
        return gradients, loss.detach(), ce.detach(), norm

    @torch.no_grad()
    def update(self, gradients: Any) -> None:
        self.optimizer.apply(gradients, self.student.trainable_variables)

    @torch.no_grad()
    def cross_entropy(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return summed_cross_entropy(self.student, _tensors(batch))


def _tensors(batch: Batch) -> dict[str, Tensor]:
    return {name: keras.ops.convert_to_tensor(array) for name, array in batch.items()}
