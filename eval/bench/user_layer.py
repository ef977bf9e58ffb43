"""A user's code with a mistake: the weight has 5 rows, the input 4 columns."""

from __future__ import annotations

from typing import Any


def layer(x: Any, weight: Any) -> Any:
    """x [2,4] times weight [5,3]."""
    x = x + 1.0
    return x @ weight  # the mistake


MISTAKE_LINE = 11
