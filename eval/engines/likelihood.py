"""What an engine thinks of a text: log-probabilities of reference answers and of plain text, inside the worker.

An engine takes part by one more method, `log_probs`; those without it (a linear model, a foreign runtime) are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from train.atomic import whole_file
from train.chat import ChatTokenizer, Message

LogProbs = npt.NDArray[np.float32]


@runtime_checkable
class LikelihoodEngine(Protocol):
    """An engine that can say how likely given tokens are."""

    tokenizer: ChatTokenizer

    def prompt(self, conversation: Sequence[Message]) -> list[int]: ...

    def log_probs(self, ids: list[int], start: int) -> LogProbs:
        """Log-probabilities [len(ids) - start, V] of what follows ids[:start], ids[:start + 1], … (start ≥ 1)."""


def log_softmax(logits: npt.NDArray[Any]) -> LogProbs:
    """Logits [T, V] as log-probabilities, computed in float64."""
    wide = np.asarray(logits, dtype=np.float64)
    wide = wide - wide.max(-1, keepdims=True)
    return np.asarray(wide - np.log(np.exp(wide).sum(-1, keepdims=True)), dtype=np.float32)


def measure(engine: Any, rows: Sequence[Any], text: str | None, window: int, path: str | None) -> dict[str, Any]:
    """Loss on the reference answers that fit the engine's window, and on plain text.

    Args:
        engine: any engine.
        rows: pairs of conversation and reference answer.
        text: plain text; None: not asked for.
        window: tokens of a piece of the plain text; pieces do not overlap, each starts from the padding token.
        path: where to write the log-probabilities of the answers' tokens, [T, V] a row; None: nowhere.

    Returns:
        {"answers": figures or None, "text": figures or None}; figures: nll (nats), tokens, bytes.
    """
    if not isinstance(engine, LikelihoodEngine):
        return {"answers": None, "text": None}
    answers = _answers(engine, rows, path) if rows else None
    return {"answers": answers, "text": None if text is None else _text(engine, text, window)}


def _answers(engine: LikelihoodEngine, rows: Sequence[Any], path: str | None) -> dict[str, Any]:
    arrays, nll, tokens = {}, 0.0, 0
    window, size = getattr(engine, "window", None), 0
    for index, (conversation, answer) in enumerate(rows):
        prompt = engine.prompt(conversation)
        target = [*engine.tokenizer.answer(answer, conversation[-1]), engine.tokenizer.stop_id]
        if window is not None and len(prompt) + len(target) > window:
            continue  # an engine with a larger window is compared on the rows that both hold
        size += len(answer.encode())
        found = engine.log_probs(prompt + target, len(prompt))
        nll -= float(found[np.arange(len(target)), target].sum(dtype=np.float64))
        tokens += len(target)
        if path is not None:
            arrays[f"row-{index}"] = found
    if path is not None:
        with whole_file(Path(path)) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    return {"nll": nll, "tokens": tokens, "bytes": size}


def _text(engine: LikelihoodEngine, text: str, window: int) -> dict[str, Any]:
    ids = engine.tokenizer.text(text)
    nll = 0.0
    for start in range(0, len(ids), window - 1):
        piece = ids[start : start + window - 1]
        found = engine.log_probs([engine.tokenizer.pad_id, *piece], 1)
        nll -= float(found[np.arange(len(piece)), piece].sum(dtype=np.float64))
    return {"nll": nll, "tokens": len(ids), "bytes": len(text.encode())}
