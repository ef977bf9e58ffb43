"""JSON that the program wrote and that a hand or a disk may have changed since: its shape is checked as it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from train.errors import UserError

T = TypeVar("T")


def checked(text: bytes, shape: TypeAdapter[T], where: Path | str, cure: str) -> T:
    """What JSON text holds. Raises UserError, with `where` it comes from and the `cure`, where it is not of the shape.

    Example:
        record = checked(path.read_bytes(), TypeAdapter(SweepRecord), path, "Delete it: the trials are run again.")
    """
    try:
        return shape.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{where} is damaged: {f'{at}: ' if at else ''}{first['msg']}. {cure}") from None


def checked_lines(path: Path, shape: TypeAdapter[T], cure: str) -> Iterator[T]:
    """The lines of a JSONL file, empty where there is none; raises UserError as `checked` does, naming the line."""
    for number, line in enumerate(path.read_bytes().split(b"\n") if path.exists() else (), 1):
        if line.strip():
            yield checked(line, shape, f"{path}:{number}", cure)
