"""Does a quantised file choose as the float32 file does, on real rows?

Teacher-forced: both files read a validation row's prompt and then its right answer, token by token; compared is the
most probable token at every position of the answer. A row whose tokens are all chosen right is one that greedy
decoding would answer exactly, so the task score comes with it, at no further cost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mobile.export.gates import Gate, rounded
from mobile.runtime.model import Model
from train.chat import ChatTokenizer, content_text
from train.data.chat_jsonl import SPOILED, spoiled
from train.intervals import Interval, wilson


@dataclass(frozen=True)
class Row:
    """A prompt and its right answer, stop id included. `question`: the user's text where the prompt is no more."""

    question: str
    prompt: list[int]
    answer: list[int]


@dataclass(frozen=True)
class Choices:
    """The most probable token of a file at every position of every answer."""

    rows: list[list[int]]

    def exact(self, rows: Sequence[Row]) -> Interval:
        """Share of rows answered exactly by greedy decoding, with its 95 % interval."""
        return wilson(sum(got == row.answer for got, row in zip(self.rows, rows, strict=True)), len(rows))


def read_rows(path: Path, tokenizer: ChatTokenizer, count: int, window: int) -> list[Row]:
    """The last answers of the first `count` rows of a chat file that fit the window; [] where there is no file."""
    if not path.is_file():
        return []
    rows = []
    lines = path.read_text(encoding="utf-8").split("\n")  # splitlines() also cuts at U+2028 inside a string
    for number, line in enumerate([line for line in lines if line][:count], 1):
        try:
            messages = json.loads(line)["messages"]
            ids, mask = tokenizer.encode(messages)
            end = len(mask) - mask[::-1].index(1)
        except SPOILED as error:
            raise spoiled(path, number, error) from None
        start = end - mask[:end][::-1].index(0)
        if end <= window:
            alone = [message["role"] for message in messages] == ["user", "assistant"]
            question = content_text(messages[0]["content"]) if alone else ""
            rows.append(Row(question, ids[:start], ids[start:end]))
    return rows


def choose(model: Model, rows: Sequence[Row]) -> Choices:
    """Runs `model` over the rows."""
    chosen = []
    for row in rows:
        model.reset()
        model.prefill(row.prompt[:-1])
        read = [row.prompt[-1], *row.answer[:-1]]
        chosen.append([int(np.argmax(model.decode(token))) for token in read])
    return Choices(chosen)


def agreement_gate(
    variant: str, rows: Sequence[Row], choices: Mapping[str, Choices], min_agreement: Mapping[str, float]
) -> Gate:
    """Top-1 agreement with fp32 not below `min_agreement[variant]`, task score within the interval of fp32's."""
    if not rows:
        return Gate(variant, None, {}, "not run: there are no validation rows (data/val.jsonl) that fit the window")
    ours, theirs = (np.concatenate(choices[name].rows) for name in ("fp32", variant))
    agreement = wilson(int((ours == theirs).sum()), len(ours))
    score, reference = choices[variant].exact(rows), choices["fp32"].exact(rows)
    at_least = min_agreement.get(variant, 0.0)
    passed = agreement.value >= at_least and reference.low <= score.value <= reference.high
    figures = {
        "rows": len(rows),
        "positions": len(ours),
        "top1_agreement": _figures(agreement),
        "at_least": at_least,
        "exact": _figures(score),
        "exact_fp32": _figures(reference),
    }
    message = (
        f"chooses as fp32 does on {agreement.value:.2%} of {len(ours)} tokens (at least {at_least:.2%}) and answers "
        f"{score.value:.1%} of {len(rows)} rows exactly (fp32 {reference.low:.1%} to {reference.high:.1%}). "
        "Train longer, leave the variant out of export.variants, or lower export.min_agreement."
    )
    return Gate(variant, passed, figures, "" if passed else message)


def _figures(interval: Interval) -> dict[str, float]:
    return {name: rounded(getattr(interval, name)) for name in ("value", "low", "high")}
