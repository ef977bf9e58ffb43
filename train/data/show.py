"""Rows as the model will see them: every token, supervised ones marked."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from train.chat import ChatTokenizer
from train.config.schema import Config
from train.data.chat_jsonl import Row, read_chat_jsonl
from train.data.gate import Encoded
from train.errors import UserError
from train.runs import RunFolder


def show_split(config: Config, split: str, count: int) -> dict[str, Any]:
    """Prints the first `count` rows of a split of the run that this config makes."""
    run = RunFolder(config.runs_dir / config.name)
    path = run.data / f"{split}.jsonl"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in run.data.glob("*.jsonl")))
        raise UserError(f"There is no split {split!r} in {run.data}; known: {known}.")
    rows = read_chat_jsonl(path)
    show_rows(rows[:count], ChatTokenizer.load(run.data / "tokenizer"), Console())
    return {"split": split, "rows": len(rows), "shown": min(count, len(rows))}


def show_rows(rows: list[Row], tokenizer: ChatTokenizer, console: Console) -> None:
    """Prints rows token by token: supervised tokens green and in brackets, so that it reads without colour too."""
    for row in rows:
        ids, mask = tokenizer.encode(row["messages"])
        console.print(f"{row.get('id', 'row')}: {len(ids)} tokens, {sum(mask)} supervised", style="bold", markup=False)
        console.print(_marked((ids, mask), tokenizer), soft_wrap=True)


def _marked(encoded: Encoded, tokenizer: ChatTokenizer) -> Text:
    text = Text()
    for token_id, supervised in zip(*encoded, strict=True):
        shown = tokenizer.token(token_id).replace("\n", "⏎")
        text.append(f"[{shown}]" if supervised else f"{shown}·", style="green" if supervised else "dim")
    return text
