"""Runs in a process of its own (TensorFlow): the Keras engine against greedy choices from whole forward passes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from eval.engines.keras_engine import KerasEngine
from eval.engines.registry import spec_of
from tests.conftest import TINY, tiny_config, toy_rows
from train.runs import RunFolder

NEW = 10


def main(run_path: str) -> None:
    run = RunFolder(Path(run_path))
    engine = KerasEngine(spec_of("student-keras", run, tiny_config(run.path.parent, eval={"batch_size": 4}), 1))
    save_student(run.student / "student.keras")
    engine.load()
    prompts = [engine.prompt(row["messages"][:1]) for row in toy_rows(6, seed=7)]
    free = [greedy(engine, prompt) for prompt in prompts]
    engine.tokenizer.stop_id = free[0][NEW // 2]
    expected = [
        ids[: ids.index(engine.tokenizer.stop_id) + 1] if engine.tokenizer.stop_id in ids else ids for ids in free
    ]
    got = engine.generate(prompts[:4], NEW) + engine.generate(prompts[4:], NEW)
    ttft, seconds = engine.time_decode(8, 5)
    print(json.dumps({"expected": expected, "got": got, "ttft": ttft, "seconds": seconds, **engine.describe()}))


def save_student(path: Path) -> None:
    import keras

    from train.config.schema import StudentConfig
    from train.keras_track.student import build_student

    keras.utils.set_random_seed(3)
    student = build_student(StudentConfig(**TINY.model_dump()), vocab_size=320)
    for variable in student.trainable_variables:  # far apart, so that greedy choices are no ties
        if len(variable.shape) > 1:
            variable.assign(keras.random.normal(variable.shape, stddev=0.3, seed=len(variable.path)))
    path.parent.mkdir(parents=True)
    student.save(path)


def greedy(engine: KerasEngine, prompt: list[int]) -> list[int]:
    """Without a cache: the whole text goes through the backbone for every token."""
    import numpy as np

    ids = list(prompt)
    for _ in range(NEW):
        inputs: Any = {"token_ids": np.array([ids]), "padding_mask": np.ones((1, len(ids)), int)}
        logits = engine.backbone.token_embedding(engine.backbone(inputs), reverse=True)
        ids.append(int(np.argmax(np.asarray(logits)[0, -1])))
    return ids[len(prompt) :]


if __name__ == "__main__":
    main(sys.argv[1])
