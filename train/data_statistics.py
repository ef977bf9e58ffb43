"""What the training rows of a run are like, as `tandem plan` shows it: lengths, supervised share, packs, steps."""

from __future__ import annotations

from itertools import islice
from typing import Any

from rich.console import Console
from rich.table import Table

from train.chat import ChatTokenizer
from train.config.schema import Config
from train.data.chat_jsonl import read_chat_jsonl
from train.keras_track.logits_memory import largest_logits, too_large
from train.runs import RunFolder

BINS, BAR = 8, 40


def print_statistics(config: Config, run: RunFolder, console: Console) -> dict[str, Any]:
    """Prints and returns the statistics of the rows that the fine-tuning will see; the data stage must be done."""
    tokenizer = ChatTokenizer.load(run.data / "tokenizer")
    rows = islice(read_chat_jsonl(run.data / "train.jsonl"), config.finetune.rows)
    encoded = [tokenizer.encode(row["messages"]) for row in rows]
    logits = largest_logits(
        ((len(ids), sum(mask)) for ids, mask in encoded),
        config.distill.buckets,
        config.distill.batch_size,
        tokenizer.vocab_size,
    )
    found = statistics(encoded, config) | {"dropped": run.stage_record("data")["headline"]["dropped"]}
    table = Table("data", "", title="Rows of the fine-tuning", title_justify="left")
    for key in ("rows", "dropped", "tokens", "supervised_share", "packs", "fill", "steps"):
        table.add_row(key.replace("_", " "), str(found[key]))
    for bin_, count in found["lengths"].items():
        table.add_row(f"{bin_} tokens", f"{'█' * round(BAR * count / max(found['lengths'].values()))} {count}")
    console.print(table)
    console.print(f"Student: {logits.sentence()}.", highlight=False)
    if (problem := too_large(logits)) is not None:
        console.print(f"[red]Too large: {problem}[/red]", highlight=False)
    return found | {"student_logits_mb": round(logits.mb, 1)}


def statistics(encoded: list[tuple[list[int], list[int]]], config: Config) -> dict[str, Any]:
    """Rows, tokens, supervised share, histogram of lengths, packs, fill of the packs, and optimizer steps.

    No row is ever cut: one that is too long was left out by the data stage, which counts it as dropped.
    """
    from train.torch_track.job import planned_steps
    from train.torch_track.packing import pack_rows

    settings = config.finetune
    lengths = [len(ids) for ids, _ in encoded]
    packs = pack_rows(encoded, settings.sequence_length, 0, settings.packing)
    return {
        "rows": len(encoded),
        "tokens": sum(lengths),
        "supervised_share": round(sum(sum(mask) for _, mask in encoded) / sum(lengths), 4),
        "lengths": histogram(lengths),
        "packs": len(packs),
        "fill": round(packs.fill, 4),
        "steps": planned_steps(packs, settings),
    }


def histogram(lengths: list[int]) -> dict[str, int]:
    """Rows by length, in bins of equal width: "1-16" → count."""
    width = -(-max(lengths) // BINS)
    counts = [0] * -(-max(lengths) // width)
    for length in lengths:
        counts[(length - 1) // width] += 1
    return {f"{n * width + 1}-{(n + 1) * width}": count for n, count in enumerate(counts)}
