"""The comparison of all artifacts of a run: quality, speed, size, and the report about them.

Each engine answers in a child process of its own (worker.py, client.py), so that PyTorch and TensorFlow never meet
and a crash of one costs only its own row of the table. Result files (results.py) are all the report is made from.
"""

from __future__ import annotations

from dataclasses import replace

from train.config.schema import Config
from train.runs import Stage

STAGE = Stage(
    name="eval",
    entry="eval.stage:run",
    sections=("eval", "model"),
    inputs=("data", "teacher", "student", "mobile"),
    outputs=("eval",),
    sources=(
        "eval",
        "mobile/runtime",
        "train/metrics.py",
        "train/intervals.py",
        "train/chat.py",
        "train/copied_pieces.py",
    ),
)


def eval_stage(config: Config) -> Stage:
    """The stage as this config needs it: a model that no engine runs need not be there, and is not trained for it."""
    read = {"data"}
    for engine in config.eval.engines:
        read |= {"teacher"} if engine.startswith("teacher-") else set()
        read |= {"student", "mobile"} if engine.startswith("student-") else set()
    return replace(STAGE, inputs=tuple(path for path in STAGE.inputs if path in read))
