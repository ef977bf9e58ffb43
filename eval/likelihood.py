"""Loss, perplexity, bits per byte, and how far an artifact's distribution is from its parent's.

Every engine reads the same reference answers (and the same plain text, `eval.text`) in its worker; what comes back is
figures, and for engines with a parent or a child one file of log-probabilities in a scratch folder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from eval.client import EngineWorker
from eval.engines.registry import ENGINES
from eval.results import Perplexity
from train.chat import ChatTokenizer, content_text
from train.config.schema import EvalConfig
from train.errors import UserError
from train.intervals import wilson

Row = dict[str, Any]


@dataclass(frozen=True)
class Divergence:
    """Child against parent on the tokens of the same reference answers."""

    kl: float  # nats a token, parent ‖ child
    same: int  # tokens on which both would choose the same one
    tokens: int


def read_text(settings: EvalConfig) -> str | None:
    """The plain text of `eval.text`. Raises UserError where it can't be read or says nothing."""
    if settings.text is None:
        return None
    path = Path(settings.text)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"eval.text names {path}, which can't be read as UTF-8 text: {error}.") from None
    if not text.strip():
        raise UserError(f"eval.text names {path}, which is empty: name a text, or leave the key out.")
    return text


def ask(
    worker: EngineWorker, engine: str, settings: EvalConfig, rows: Sequence[Row], text: str | None, scratch: Path
) -> tuple[Perplexity | None, Perplexity | None, Path | None]:
    """Perplexity on answers and on plain text, and the file of log-probabilities where someone compares with it."""
    chosen = [
        (row["messages"][:-1], content_text(row["messages"][-1]["content"])) for row in rows[: settings.likelihood_rows]
    ]
    if not chosen and text is None:
        return None, None, None
    compared = ENGINES[engine].parent is not None or any(entry.parent == engine for entry in ENGINES.values())
    path = scratch / f"{engine}.npz" if compared else None
    reply = worker.likelihood(chosen, text, settings.text_window, None if path is None else str(path))
    written = path if path is not None and path.exists() else None
    return _perplexity(reply["answers"]), _perplexity(reply["text"]), written


def _perplexity(figures: dict[str, Any] | None) -> Perplexity | None:
    if figures is None or not figures["tokens"]:
        return None
    loss = figures["nll"] / figures["tokens"]
    return Perplexity(
        tokens=figures["tokens"],
        bytes=figures["bytes"],
        loss=loss,
        perplexity=math.exp(min(loss, 700.0)),
        bits_per_byte=figures["nll"] / math.log(2) / figures["bytes"],
    )


def divergence(child: Path | None, parent: Path | None) -> Divergence | None:
    """Mean KL and agreement of the likeliest tokens over the rows that both have; None where a file is missing, the
    vocabularies differ or there is no such row."""
    if child is None or parent is None:
        return None
    kl, same, tokens = 0.0, 0, 0
    with np.load(child, allow_pickle=False) as mine, np.load(parent, allow_pickle=False) as theirs:
        for name in theirs.files:
            if name not in mine.files:
                continue
            if mine[name].shape != theirs[name].shape:
                return None
            q, p = mine[name].astype(np.float64), theirs[name].astype(np.float64)
            kl += float((np.exp(p) * (p - q)).sum())
            same += int((p.argmax(-1) == q.argmax(-1)).sum())
            tokens += len(p)
    return Divergence(kl / tokens, same, tokens) if tokens else None


def first_divergence(pairs: Sequence[tuple[str, str]], tokenizer: Path) -> float | None:
    """Median number of tokens that two greedy answers share before they part; None where all are the same."""
    different = [(mine, theirs) for mine, theirs in pairs if mine != theirs]
    if not different or not (tokenizer / "tokenizer.json").exists():
        return None
    encode = ChatTokenizer.load(tokenizer).text
    return float(median(_common(encode(mine), encode(theirs)) for mine, theirs in different))


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the common beginning."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def token_share(found: Divergence) -> dict[str, float | int]:
    """Share of tokens chosen alike, as the fields of a results.Share."""
    interval = wilson(found.same, found.tokens)
    return {"k": found.same, "n": found.tokens, "value": interval.value, "low": interval.low, "high": interval.high}
