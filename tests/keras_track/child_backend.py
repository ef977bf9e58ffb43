"""Fifty steps of a student of a few thousand weights on one back end: child_backend.py BACKEND DEVICES OUT.json

Weights and batches come from NumPy, so that every back end starts from the same ones.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from train.config.schema import DistillConfig, StudentConfig
from train.keras_track.stage import choose_backend, split_cpu

V, B, L, M, K = 60, 4, 12, 5, 3
STEPS = 50
CONFIG: dict[str, Any] = {"clip_norm": 0.5, "batch_size": B, "weight_decay": 0.1}
SHAPE = StudentConfig(
    hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1
)


def batch(seed: int) -> dict[str, np.ndarray]:
    """Random rows and teacher. Replicas get unequal numbers of supervised tokens: means of means would show."""
    rng = np.random.default_rng(seed)
    probabilities = np.sort(rng.dirichlet(np.ones(V), (B, M)), -1)[..., ::-1]
    weights = (np.arange(B)[:, None] * 1.5 > rng.uniform(0, 5, (B, M))).astype("float32")
    weights[-1] = 1.0
    return {
        "token_ids": rng.integers(0, V, (B, L)).astype("int32"),
        "padding_mask": (np.arange(L) < rng.integers(6, L + 1, (B, 1))).astype("int32"),
        "positions": np.tile(np.arange(M, dtype="int32"), (B, 1)),
        "labels": rng.integers(0, V, (B, M)).astype("int32"),
        "weights": weights,
        "ids": np.argsort(rng.random((B, M, V)))[..., :K].astype("int32"),
        "logprobs": np.log(probabilities[..., :K]).astype("float32"),
        "lse": np.log(rng.uniform(3, 6, (B, M))).astype("float32"),
        "has_kd": (rng.random((B, M)) < 0.8).astype("float32"),
    }


def main(backend: str, devices: int, out: Path) -> None:
    choose_backend(backend)
    split_cpu(backend, devices)
    from train.keras_track.backend import BACKEND
    from train.keras_track.devices import device_scope
    from train.keras_track.student import build_student
    from train.keras_track.train_step import train_step

    assert backend == BACKEND
    with device_scope(devices):
        student = build_student(SHAPE, V)
        rng = np.random.default_rng(5)
        for variable in student.trainable_variables:
            scale = "scale" in variable.path
            variable.assign(np.ones(variable.shape) if scale else rng.normal(0, 0.2, variable.shape))
        step = train_step(student, DistillConfig(**CONFIG, devices=devices))
        figures = [step(batch(number % 5), 3e-3) for number in range(STEPS)]
        found = {
            "class": type(step).__name__,
            "figures": figures,
            "validation": step.evaluate([batch(9)]),
            "xla": step.XLA and step.uses_xla(batch(0)),
            "loaded": sorted(name for name in ("tensorflow", "jax", "torch") if sys.modules.get(name)),
            **(work(step, devices) if devices > 1 else {}),
        }
    out.write_text(json.dumps(found))


def work(step: Any, devices: int) -> dict[str, Any]:
    """Rows of a batch each device gets, and the devices that hold the first weight."""
    weight = step.student.trainable_variables[0].value
    if type(step).__name__ == "MirroredStep":
        shards = step.strategy.experimental_local_results(step.shards(batch(0)))
        rows = {shard["token_ids"].device[-5:]: shard["token_ids"].numpy().tolist() for shard in shards}
        copies = {str(copy.device)[-5:]: copy.numpy().tolist() for copy in weight.values}
        return {"rows": rows, "copies": copies}
    placed = step.placed(batch(0))["token_ids"]
    return {
        "rows": {str(shard.device): np.asarray(shard.data).tolist() for shard in placed.addressable_shards},
        "copies": {str(shard.device): np.asarray(shard.data).tolist() for shard in weight.addressable_shards},
    }


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
