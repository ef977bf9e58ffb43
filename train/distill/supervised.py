"""Supervised predictions of a row: at which positions a token is predicted, and which one.

The capture (PyTorch) and the student's batches (TensorFlow) both read rows through this file, so that entry j of the
logit cache and label j of a batch are the same prediction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from train.chat import ChatTokenizer
from train.data.chat_jsonl import SPOILED, spoiled
from train.errors import UserError

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class SupervisedRow:
    """A row as a causal model needs it.

    tokens [L] ends at the last position that predicts something: what follows (the end token and the newline behind
    it) is never an input to a supervised prediction. Leaving it out saves two tokens a row and changes nothing.
    """

    tokens: Ints
    positions: Ints  # [M] the prediction of labels[j] is made at position positions[j]
    labels: Ints  # [M]


def supervised_row(ids: list[int], mask: list[int]) -> SupervisedRow:
    """Row from token ids and loss mask (1 = this token is learned). Both have one entry a token."""
    labels_at = np.flatnonzero(np.asarray(mask[1:])) + 1  # nothing predicts the first token
    tokens = np.asarray(ids, dtype=np.int32)
    end = int(labels_at[-1]) if labels_at.size else 0
    return SupervisedRow(tokens[:end], (labels_at - 1).astype(np.int32), tokens[labels_at])


def read_supervised(path: Path, tokenizer: ChatTokenizer, limit: int | None = None) -> list[SupervisedRow]:
    """Rows of a chat JSONL file, in its order; the first `limit` of them.

    Raises:
        UserError: the file holds no row, or one without an answer to learn.
    """
    rows: list[SupervisedRow] = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(islice(file, limit), start=1):
            try:
                row = supervised_row(*tokenizer.encode(json.loads(line)["messages"]))
            except SPOILED as error:
                raise spoiled(path, number, error) from None
            if not row.labels.size:
                raise UserError(
                    f"{path}:{number} has no supervised token: its last message must be the assistant's answer."
                )
            rows.append(row)
    if not rows:
        raise UserError(f"{path} holds no rows. Run the stage 'data' again.")
    return rows
