"""Data: rows of chat messages → gate → tokens and loss mask."""

from train.runs import Stage

STAGE = Stage(
    name="data",
    entry="train.data.build:run",
    sections=("model", "data"),
    inputs=(),
    outputs=("data",),
    sources=("train/data", "train/chat.py", "train/copied_pieces.py", "train/base_model.py"),
)
