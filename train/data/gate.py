"""The data gate: what must hold of the rows before any training starts. Each rule answers a way training goes wrong
silently: nothing supervised, an end token that is never trained, rows cut, test rows in the training set."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from statistics import mean, median
from typing import Any

from train.chat import ChatTokenizer, content_text
from train.config.schema import DataConfig
from train.data.chat_jsonl import Row
from train.errors import UserError

Encoded = tuple[list[int], list[int]]


@dataclass(frozen=True)
class GateReport:
    """Rows of a split that passed, and what was seen."""

    rows: list[Row]
    dropped: int
    statistics: dict[str, Any]


def gate_split(name: str, rows: list[Row], tokenizer: ChatTokenizer, config: DataConfig) -> GateReport:
    """Checks and measures one split; rows that are too long are dropped and counted.

    Raises:
        UserError: a rule is broken, or more rows are too long than data.max_dropped allows.
    """
    encoded = [tokenizer.encode(row["messages"]) for row in rows]
    for row, pair in zip(rows, encoded, strict=True):
        _check_supervision(name, row, pair, tokenizer)
    fits = [len(ids) <= config.max_length for ids, _ in encoded]
    dropped = fits.count(False)
    if dropped > config.max_dropped * len(rows):
        longest = max(len(ids) for ids, _ in encoded)
        raise UserError(
            f"{dropped} of {len(rows)} rows of '{name}' are longer than data.max_length {config.max_length} tokens "
            f"(the longest has {longest}); data.max_dropped allows {config.max_dropped:.0%}. Raise data.max_length "
            "(and finetune.sequence_length, distill.buckets) or data.max_dropped."
        )
    kept = [pair for pair, fit in zip(encoded, fits, strict=True) if fit]
    return GateReport([row for row, fit in zip(rows, fits, strict=True) if fit], dropped, _statistics(kept))


def _check_supervision(name: str, row: Row, encoded: Encoded, tokenizer: ChatTokenizer) -> None:
    ids, mask = encoded
    supervised = [token for token, flag in zip(ids, mask, strict=True) if flag]
    label = row.get("id") or repr(content_text(row["messages"][0]["content"])[:60])
    where = f"A row of '{name}' ({label})"
    if not supervised:
        raise UserError(f"{where} has no supervised token: it needs an assistant turn.")
    if tokenizer.stop_id not in supervised:
        raise UserError(f"{where} never trains the end token: the model would not stop.")
    if ids[0] == ids[1]:
        raise UserError(f"{where} starts with its first token twice: the tokenizer adds a start token of its own.")


def check_no_leak(splits: dict[str, list[Row]]) -> None:
    """Refuses test or validation prompts that training rows answer, in any of their turns (compared without case)."""
    seen = {prompt for row in splits["train"] for prompt in prompts(row)}
    for name, rows in splits.items():
        if name == "train":
            continue
        leaked = [row for row in rows if prompts(row)[-1] in seen]
        if leaked:
            raise UserError(
                f"{len(leaked)} rows of '{name}' also stand in the training rows, for example {_shown(leaked[0])!r}. "
                "Remove them from one of the two: such a score means nothing."
            )


def prompts(row: Row) -> list[str]:
    """Hashes of what stands before each answer of a row; of the whole row where no user asks anything.

    Rows that share any of these share the first, which so says which rows belong into one split.
    """
    found, text, asked = [], blake2b(digest_size=16), False
    for message in row["messages"]:
        if asked and message["role"] == "assistant":
            found.append(text.hexdigest())
        asked = asked or message["role"] == "user"
        text.update(f"{message['role']}\0{content_text(message['content']).casefold()}\0".encode())
    return found or [text.hexdigest()]


def _shown(row: Row) -> str:
    """All that stands before the last answer, or a row that is nothing else."""
    return "\n".join(content_text(message["content"]) for message in row["messages"][:-1] or row["messages"])


def _statistics(encoded: list[Encoded]) -> dict[str, Any]:
    if not encoded:
        return {"rows": 0}
    lengths = [len(ids) for ids, _ in encoded]
    supervised = sum(sum(mask) for _, mask in encoded)
    return {
        "rows": len(encoded),
        "tokens": sum(lengths),
        "supervised_share": round(supervised / sum(lengths), 4),
        "length_mean": round(mean(lengths), 1),
        "length_median": median(lengths),
        "length_max": max(lengths),
    }
