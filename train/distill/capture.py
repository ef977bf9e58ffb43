"""Stage `capture`: the fine-tuned teacher labels the training rows once; the student learns from the cache.

Rows are taken in blocks of BLOCK_ROWS, one shard each, so that a capture that runs out of time has the first rows.
Inside a block they are sorted by length: almost no padding. The head is applied at supervised positions alone, in fp32.
Several processes take the blocks in turn; what a block's shard holds does not depend on who makes it.

    tandem capture CONFIG
    torchrun --nproc-per-node 8 -m train.distill CONFIG
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from train.chat import ChatTokenizer
from train.distill.cache_writer import CacheWriter
from train.distill.logit_cache import CacheEntry, LogitCache, cache_key
from train.distill.processes import Processes, local_device
from train.distill.supervised import SupervisedRow, read_supervised
from train.errors import UserError
from train.hardware import cpu_has_bf16, gpu_has_bf16
from train.progress import Meter, progress, say
from train.runs import StageContext

BLOCK_ROWS = 1024
BATCH_TOKENS = 2048  # padded tokens of a forward pass


@dataclass
class Counts:
    """Work of this process, for the speed that is shown."""

    tokens: int = 0
    seconds: float = 0.0

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.seconds if self.seconds else 0.0


def run(context: StageContext) -> dict[str, Any]:
    """teacher/ and data/train.jsonl → logits/. Returns headline figures."""
    config, group = context.config.distill, Processes.join()
    tokenizer = ChatTokenizer.load(context.run.data / "tokenizer")
    wanted = config.rows != 0  # else the student learns from the data alone: an empty cache
    rows = read_supervised(context.run.data / "train.jsonl", tokenizer, config.rows) if wanted else []
    key = cache_key(context.run, tokenizer, config)
    work = {"block_rows": BLOCK_ROWS, "rows": len(rows)}
    # One after the other: the first may clear the folder, and none may see what another has already begun to add.
    writer = group.first_alone(lambda: CacheWriter(context.checkpoints, key, tokenizer.vocab_size, work))
    if not rows:
        if group.first:
            writer.finish(context.run.logits)
            say("capture: distill.rows is 0, the student learns from the data alone")
        group.leave()
        return {"rows": 0, "positions": 0}
    teacher = Teacher(context.run.teacher, tokenizer.vocab_size, key.top_k, key.temperatures, local_device())
    limit = None if config.max_minutes_capture is None else 60 * config.max_minutes_capture
    counts = _capture(teacher, rows, writer, limit, context, group)
    return _finish(writer, context, group, group.total(counts.tokens_per_s))


def _finish(writer: CacheWriter, context: StageContext, group: Processes, tokens_per_s: float) -> dict[str, Any]:
    """Process 0 puts the cache in its place when all shards are written; headline figures, empty on the others."""
    group.wait()
    headline: dict[str, Any] = {}
    if group.first:
        if group.count > 1:
            writer.read_again()
        headline = _headline(writer.finish(context.run.logits), writer.shards, tokens_per_s)
    group.leave()
    return headline


class Teacher:
    """The teacher as a source of cache entries.

    Args:
        folder: Hugging Face folder of a causal language model.
        vocab_size: of the tokenizer the rows were made with.
        top_k: log-probabilities kept a position.
        temperatures: a log-sum-exp is kept for each.
        device: where it works; None: the GPU of this process, or the CPU.
    """

    def __init__(
        self,
        folder: Path,
        vocab_size: int,
        top_k: int,
        temperatures: Sequence[float],
        device: torch.device | None = None,
    ) -> None:
        self.top_k, self.temperatures = top_k, tuple(temperatures)
        self.device = local_device() if device is None else device
        bf16 = gpu_has_bf16() if self.device.type == "cuda" else cpu_has_bf16()
        try:
            model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16 if bf16 else torch.float32)
        except MemoryError:
            raise
        except Exception as error:  # transformers raises many kinds for a folder that holds no whole model
            text = " ".join(str(error).split())
            raise UserError(
                f"The teacher at {folder} can't be loaded ({type(error).__name__}: {text:.300}). Make it again: tandem "
                "finetune CONFIG"
            ) from error
        if model.config.vocab_size != vocab_size:
            raise UserError(
                f"The teacher at {folder} has a vocabulary of {model.config.vocab_size}, the tokenizer of this run "
                f"one of {vocab_size}. Fine-tune the teacher with this run's data: tandem finetune CONFIG"
            )
        self._body = model.model.to(self.device).eval()
        self._head = model.get_output_embeddings().weight.detach().to(self.device, torch.float32)

    @torch.inference_mode()
    def entries(self, rows: Sequence[SupervisedRow]) -> list[CacheEntry]:
        """Cache entries of a batch of rows, in its order."""
        lengths = [len(row.tokens) for row in rows]
        tokens = torch.zeros((len(rows), max(lengths)), dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for line, row in enumerate(rows):
            tokens[line, : lengths[line]] = torch.from_numpy(row.tokens)
            mask[line, : lengths[line]] = 1
        hidden = self._body(
            input_ids=tokens.to(self.device), attention_mask=mask.to(self.device), use_cache=False
        ).last_hidden_state
        counts = [len(row.labels) for row in rows]
        lines = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(counts)).to(self.device)
        positions = torch.from_numpy(np.concatenate([row.positions for row in rows])).to(self.device).long()
        return self._entries(hidden[lines, positions].float(), counts)

    def _entries(self, hidden: torch.Tensor, counts: list[int]) -> list[CacheEntry]:
        """Entries from the states [N,D] of all rows' supervised positions; `counts[i]` of them are row i's."""
        logprobs = torch.log_softmax(hidden @ self._head.T, dim=-1)
        lse = torch.stack([torch.logsumexp(logprobs / t, dim=-1) for t in self.temperatures], dim=-1)
        top = torch.topk(logprobs, self.top_k, dim=-1)  # descending
        ends = np.cumsum(counts)[:-1]
        parts = [np.split(tensor.cpu().numpy(), ends) for tensor in (top.indices, top.values, lse)]
        return [CacheEntry(*arrays) for arrays in zip(*parts, strict=True)]


def _capture(
    teacher: Teacher,
    rows: Sequence[SupervisedRow],
    writer: CacheWriter,
    limit_s: float | None,
    context: StageContext,
    group: Processes,
) -> Counts:
    """Labels this process's blocks of those that are not done yet, until they or the time (earlier tries included) are
    spent."""
    counts, done = Counts(), sum(shard["rows"] for shard in writer.shards)
    spent_before = sum(shard["seconds"] / shard.get("processes", 1) for shard in writer.shards)
    if done and group.first:
        say(f"capture: goes on, {done} rows are done")
    own = _own_blocks(len(rows), writer.numbers, group)
    with progress("capture", done + sum(map(len, own.values())), "rows") as meter:
        meter.advance(done)
        for number, block in own.items():
            left_s = None if limit_s is None else limit_s - spent_before - counts.seconds
            if left_s is not None and left_s <= 0:
                break
            seconds_before = counts.seconds
            entries = _block(teacher, rows, block, left_s, counts, meter)
            found, seconds = sorted(entries), counts.seconds - seconds_before
            writer.add(found, [entries[row] for row in found], number, seconds=seconds, processes=group.count)
            context.tracker.log({"capture/rows": block.start + len(found), "capture/tok_per_s": counts.tokens_per_s})
            if len(found) < len(block):
                break
    return counts


def _own_blocks(rows: int, done: set[int], group: Processes) -> dict[int, range]:
    """The rows of the blocks that this process labels, by number: each takes every count-th of those missing."""
    missing = [number for number in range(-(-rows // BLOCK_ROWS)) if number not in done]
    return {
        number: range(number * BLOCK_ROWS, min((number + 1) * BLOCK_ROWS, rows))
        for number in missing[group.index :: group.count]
    }


def _block(
    teacher: Teacher,
    rows: Sequence[SupervisedRow],
    block: range,
    left_s: float | None,
    counts: Counts,
    meter: Meter,
) -> dict[int, CacheEntry]:
    """Entries of a block's rows, by row number; of fewer rows where the time is spent within it."""
    entries: dict[int, CacheEntry] = {}
    start, seconds_before = time.monotonic(), counts.seconds
    for batch in _batches(rows, block):
        entries.update(zip(batch, teacher.entries([rows[number] for number in batch]), strict=True))
        spent = time.monotonic() - start
        counts.tokens += sum(len(rows[number].tokens) for number in batch)
        counts.seconds = seconds_before + spent
        meter.advance(len(batch), tok_per_s=counts.tokens_per_s)
        if left_s is not None and spent >= left_s:
            break
    return entries


def _batches(rows: Sequence[SupervisedRow], block: range) -> list[list[int]]:
    """Row numbers of a block in batches of like lengths, at most BATCH_TOKENS padded tokens each.

    Their order is random: a capture whose time ends within a block has rows of every length, not the longest.
    """
    batches: list[list[int]] = []
    batch: list[int] = []
    for number in sorted(block, key=lambda number: -len(rows[number].tokens)):
        if batch and (len(batch) + 1) * len(rows[batch[0]].tokens) > BATCH_TOKENS:
            batches.append(batch)
            batch = []
        batch.append(number)
    batches.append(batch)
    random.Random(block.start).shuffle(batches)
    return batches


def _headline(cache: LogitCache, shards: list[dict[str, Any]], tokens_per_s: float) -> dict[str, Any]:
    positions = sum(shard["positions"] for shard in shards)
    return {
        "rows": len(cache),
        "positions": positions,
        "tokens_per_s": round(tokens_per_s, 1),
        "bytes_per_position": round(sum(shard["bytes"] for shard in shards) / positions, 1),
        "mean_tail_mass": round(cache.mean_tail_mass(), 6),
    }
