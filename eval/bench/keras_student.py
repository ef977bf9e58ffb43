"""The student in Keras, trained by the same code as in stage `distill`, on the back end of this process.

python -m eval.bench.keras_student FOLDER    makes the student's files of a workload
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from eval.bench.workload import read_batch, read_workload
from train.config.schema import LlamaShape, StudentConfig
from train.keras_track.backend import BACKEND, keras, tf
from train.keras_track.hf_folder import hf_weights
from train.keras_track.student import build_student, load_student
from train.keras_track.train_step import TrainStep, train_step

LEARNING_RATE = 1e-3


class KerasStudent:
    """`how`: eager, graph, xla or bf16 (a graph) on TensorFlow; on the others what their train step does."""

    def __init__(self, folder: Path, how: str) -> None:
        self._student = load_student(folder / "student.keras")
        self._batch: Any = read_batch(folder)
        self._step = _train_step(self._student, read_workload(folder).distill(), how)
        if BACKEND != "jax":
            self._batch = {name: keras.ops.convert_to_tensor(array) for name, array in self._batch.items()}
        self._forward = _compiled(self._logits, how)

    def train(self) -> float:
        """One step; the loss before it."""
        loss, _, _ = self._step(self._batch, LEARNING_RATE)
        # JAX works ahead: the step is done when a weight can be read.
        keras.ops.convert_to_numpy(self._student.backbone.layer_norm.scale)
        return loss

    def forward(self) -> float:
        """Logits [B,L,V] of the batch; one of them."""
        inputs = {name: self._batch[name] for name in ("token_ids", "padding_mask")}
        logits: Any = keras.ops.convert_to_numpy(self._forward(inputs))
        return float(logits[0, 0, 0])

    def _logits(self, inputs: Any) -> Any:
        return self._student(inputs)


def _train_step(student: Any, config: Any, how: str) -> TrainStep:
    if BACKEND != "tensorflow":
        return train_step(student, config)
    from train.keras_track.tensorflow_step import TensorFlowStep

    if how == "bf16":
        return TensorFlowStep(student, config.model_copy(update={"precision": "bf16"}))
    return TensorFlowStep(student, config, run_as=how)  # type: ignore[arg-type]


def _compiled(function: Any, how: str) -> Any:
    if BACKEND == "torch":
        import torch

        return torch.no_grad()(function)
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    return function if how == "eager" else tf.function(function, jit_compile=how == "xla", autograph=False)


def write_student(folder: Path) -> None:
    """student.keras and student.safetensors: random weights, far enough from zero for logits that differ."""
    workload = read_workload(folder)
    shape = {name: workload.shape[name] for name in LlamaShape.model_fields}
    student = build_student(StudentConfig(**shape), workload.vocab_size)
    rng = np.random.default_rng(2)
    for variable in student.trainable_variables:
        if "scale" not in variable.path:
            variable.assign(rng.normal(0.0, 0.05, variable.shape))
    student.save(folder / "student.keras")
    save_file(hf_weights(student), folder / "student.safetensors")


if __name__ == "__main__":
    write_student(Path(sys.argv[1]))
