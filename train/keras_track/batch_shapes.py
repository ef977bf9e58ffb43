"""Shapes and ranges checked at the edges, with one-line errors: rows, logit cache, batches.

A wrong shape inside tf.function prints hundreds of lines, and an id outside the vocabulary says nothing at all: XLA
clamps it and trains on another token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train.distill.logit_cache import REMEDY, LogitCache
from train.distill.supervised import SupervisedRow
from train.errors import TandemError, UserError

SAME_SHAPE = {"padding_mask": "token_ids", "labels": "positions", "weights": "positions", "lse": "positions"}


def check_rows(rows: Sequence[SupervisedRow], vocab_size: int, source: Path) -> None:
    """Raises UserError where a row has a token outside the vocabulary."""
    for number, row in enumerate(rows, 1):
        highest = max(int(row.tokens.max()), int(row.labels.max()))
        if highest >= vocab_size:
            raise UserError(
                f"{source}:{number} has token {highest}, the vocabulary has {vocab_size}. "
                "Rows and tokenizer are of different runs: run 'tandem data CONFIG' again."
            )


def check_cache(cache: LogitCache, rows: Sequence[SupervisedRow], vocab_size: int, temperature: float) -> None:
    """Raises UserError where the cache does not fit the rows, the vocabulary or the temperature."""
    if cache.top_k > vocab_size:
        raise UserError(f"The logit cache holds the top {cache.top_k} of a vocabulary of {vocab_size}. {REMEDY}")
    if temperature not in cache.temperatures:
        raise UserError(
            f"distill.temperature is {temperature:g}, the logit cache was made for {cache.temperatures}. {REMEDY}"
        )
    for number, row in enumerate(rows):
        entry = cache.entry(number)
        if entry is None:
            continue
        if len(entry.ids) != len(row.labels):
            raise UserError(
                f"The logit cache has {len(entry.ids)} positions for row {number}, which has {len(row.labels)} "
                f"supervised tokens. {REMEDY}"
            )
        if int(entry.ids.max()) >= vocab_size:
            raise UserError(
                f"The logit cache has token {int(entry.ids.max())} in row {number}, the vocabulary has {vocab_size}. "
                f"{REMEDY}"
            )


def check_batch(batch: Mapping[str, Any]) -> None:
    """Raises TandemError where the arrays of a batch do not belong together (shapes: Batches.arrays)."""
    shapes = {name: tuple(array.shape) for name, array in batch.items()}
    for name in ("token_ids", "padding_mask", "positions", "labels", "weights"):
        if name not in shapes:
            raise TandemError(f"The batch lacks '{name}'; it has {', '.join(sorted(shapes))}.")
    for name, other in SAME_SHAPE.items():
        if name in shapes and shapes[name] != shapes[other]:
            raise TandemError(f"The batch's {name} is {list(shapes[name])}, its {other} {list(shapes[other])}.")
    if shapes["token_ids"][0] != shapes["positions"][0]:
        raise TandemError(f"The batch has {shapes['token_ids'][0]} rows of tokens, {shapes['positions'][0]} of labels.")
    for name in ("ids", "logprobs"):
        if name in shapes and shapes[name][:-1] != shapes["positions"]:
            raise TandemError(f"The batch's {name} is {list(shapes[name])}, its positions {list(shapes['positions'])}.")
