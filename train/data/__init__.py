"""Data: rows of chat messages → gate → tokens and loss mask."""

from dataclasses import replace
from pathlib import Path

from train.config.schema import Config, DataConfig
from train.runs import Stage

STAGE = Stage(
    name="data",
    entry="train.data.build:run",
    sections=("model", "data"),
    inputs=(),
    outputs=("data",),
    sources=("train/data", "train/chat.py", "train/copied_pieces.py", "train/base_model.py"),
)


def data_stage(config: Config) -> Stage:
    """The stage as this config needs it: own files are read, so a change of one of them makes it anew."""
    data, source = config.data, config.model.source
    named = [data.validation, data.tools, *data.tests.values()]
    named += [part.source for part in data.mixture] or [data.source]
    named.append(source if source.endswith(".gguf") else f"{source}/tokenizer.json")
    own = [Path(name).expanduser() for name in named if name is not None and name != "smart-home"]
    return replace(STAGE, inputs=tuple(str(path.resolve()) for path in own if path.exists()))


def split_names(config: DataConfig) -> list[str]:
    """The files of rows that the data stage will write."""
    from train.data.smart_home import TESTS

    tests = TESTS if config.source == "smart-home" and not config.mixture else config.tests
    return ["train", "val", *tests]
