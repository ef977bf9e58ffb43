"""The prompts that are asked at every evaluation while a model trains, the same in both tracks: the first validation
rows, answered greedily. What a loss of 0.06 is worth is seen in the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train.chat import ChatTokenizer, content_text
from train.data.chat_jsonl import Row, read_chat_jsonl
from train.metrics import parse_call, same_call
from train.tracking.backend import Sample

MARGIN = 8  # tokens an answer may be longer than the longest reference answer


@dataclass(frozen=True)
class SamplePrompts:
    """Rows with their prompts as token ids."""

    rows: list[Row]
    tokenizer: ChatTokenizer
    prompts: list[list[int]]
    max_new_tokens: int

    def samples(self, step: int, engine: str, answers: Sequence[Sequence[int]]) -> list[Sample]:
        """Answers (new ids of each prompt, with or without the stop id) as rows of the samples table."""
        return [self._sample(step, engine, row, ids) for row, ids in zip(self.rows, answers, strict=True)]

    def _sample(self, step: int, engine: str, row: Row, ids: Sequence[int]) -> Sample:
        *_, asked, expected = (content_text(message["content"]) for message in row["messages"])
        stop = self.tokenizer.stop_id
        stopped = stop in ids
        text = self.tokenizer.decode(list(ids)[: list(ids).index(stop)] if stopped else list(ids))
        return Sample(step, engine, asked, expected, text, stopped and _same(text, expected))


def sample_prompts(path: Path, tokenizer: ChatTokenizer, n: int) -> SamplePrompts | None:
    """The first `n` rows of a chat JSONL file that ask something; None where n is 0 or there is none."""
    rows = [row for row in read_chat_jsonl(path) if len(row["messages"]) > 1][:n] if n else []
    if not rows:
        return None
    longest = max(len(tokenizer.text(content_text(row["messages"][-1]["content"]))) for row in rows)
    prompts = [tokenizer.prompt(row["messages"][:-1]) for row in rows]
    return SamplePrompts(rows, tokenizer, prompts, longest + MARGIN)


def _same(text: str, expected: str) -> bool:
    """The same call where the reference is one, else the same text."""
    got, want = parse_call(text), parse_call(expected)
    if want is None:
        return text.strip() == expected.strip()
    return got is not None and same_call(got, want)
