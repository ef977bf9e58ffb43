"""The two sides of the data set: what is said in training, and what only the tests say."""

from __future__ import annotations

from typing import Literal

Side = Literal["train", "test"]


def words(text: str) -> list[str]:
    """Comma-separated names, over any number of lines."""
    return [" ".join(part.split()) for part in text.split(",") if part.strip()]
