"""An embedding for a tokenizer that numbers its tokens otherwise than the one it was trained with.

A vocabulary that is cut to what the data need changes with the data: the same tokens get other ids, a few come and go.
Rows are matched by the tokens' text; taken by their ids they would be those of other words, and nothing would say so.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from train.errors import UserError

Array = npt.NDArray[np.float32]
LEAST_SHARED = 0.9  # of the tokens: below, the two come from different tokenizers


def vocabulary(folder: Path) -> dict[str, int]:
    """Token → id of `folder`/tokenizer.json, added tokens included; empty where there is no such file.

    Raises UserError where it can't be read.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        return {}
    try:
        return dict(Tokenizer.from_file(str(file)).get_vocab(with_added_tokens=True))
    except Exception as error:  # `tokenizers` raises plain Exception
        raise UserError(f"The tokenizer at {file} can't be read ({error}).") from error


def aligned(table: Array, theirs: dict[str, int], ours: dict[str, int], source: Path, key: str) -> tuple[Array, int]:
    """Rows of `table` [V,D] in the order of our ids [V',D], and how many of our tokens it did not have.

    A token that is new is the mean of the longest tokens that spell it. `key` is the setting that names `source`.

    Raises:
        UserError: too few tokens are the same, or a new one can't be spelled.
    """
    theirs = {token: number for token, number in theirs.items() if number < len(table)}
    new = [token for token in ours if token not in theirs]
    if len(new) > (1 - LEAST_SHARED) * len(ours):
        raise UserError(
            f"The first weights are to come from {source} ({key}), which has only "
            f"{len(ours) - len(new)} of this run's {len(ours)} tokens. Train it on this run's data: "
            "tandem finetune CONFIG"
        )
    found = np.empty((len(ours), table.shape[1]), np.float32)
    for token, number in ours.items():
        found[number] = table[[theirs[piece] for piece in _pieces(token, theirs, source, key)]].mean(0)
    return found, len(new)


def _pieces(token: str, known: dict[str, int], source: Path, key: str) -> list[str]:
    pieces, rest = [], token
    while rest:
        size = next((size for size in range(len(rest), 0, -1) if rest[:size] in known), 0)
        if not size:
            raise UserError(
                f"The first weights are to come from {source} ({key}), whose tokenizer can't spell {token!r}, a token "
                "of this run. Train it on this run's data: tandem finetune CONFIG"
            )
        pieces.append(rest[:size])
        rest = rest[size:]
    return pieces
