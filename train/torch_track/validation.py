"""Validation while training: loss, and how much of the answers greedy decoding would get right.

With the right beginning before it, an answer whose every token is the most likely one is exactly the answer that greedy
decoding writes: `row_accuracy` is the exact match of the validation rows, without generating anything.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from train.torch_track.job import Job
from train.torch_track.loss import SummedLoss
from train.torch_track.packing import IGNORED, MicroBatch, micro_batch
from train.torch_track.sharding import callable_in_parts

HEAD_POSITIONS = 256  # positions whose logits are held at once


def validate(job: Job) -> dict[str, float]:
    """Loss (nats, mean over supervised tokens), token_accuracy and row_accuracy of the validation packs.

    Every process computes all of it; process 0's figures count everywhere, so that decisions are the same.
    """
    module: SummedLoss = job.accelerator.unwrap_model(job.summed_loss)
    loss, right, rows, exact = 0.0, 0, 0, 0
    module.eval()
    # Layers run as they are here: a second compilation, for passes without gradient, would cost more than it saves.
    eager = torch.compiler.set_stance("force_eager")
    with torch.no_grad(), job.accelerator.autocast(), eager, callable_in_parts(module):
        for batch in _batches(job):
            hidden = module.hidden(batch, module.road.attention)
            loss += float(module.loss(hidden, batch))
            hits = _hits(module, hidden, batch)
            right += int(hits.sum())
            found = _rows_right(batch, hits)
            rows, exact = rows + len(found), exact + int(found.sum())
    module.train()
    tokens = job.validation.supervised_tokens
    if tokens == 0:
        return dict.fromkeys(("loss", "token_accuracy", "row_accuracy"), float("nan"))
    figures = job.of_process_0(loss / tokens, right / tokens, exact / rows)
    return dict(zip(("loss", "token_accuracy", "row_accuracy"), figures, strict=True))


def _batches(job: Job) -> Iterator[MicroBatch]:
    size = job.settings.micro_batch_size
    for start in range(0, len(job.validation), size):
        indices = range(start, min(start + size, len(job.validation)))
        yield micro_batch(job.validation, list(indices)).to(job.accelerator.device)


def _hits(module: SummedLoss, hidden: torch.Tensor, batch: MicroBatch) -> torch.Tensor:
    """Whether the most likely token is the label, for each supervised position in order, [positions]."""
    mask = batch.labels != IGNORED
    states, labels = hidden[mask], batch.labels[mask]
    found = [module.model.lm_head(part).argmax(-1) for part in torch.split(states, HEAD_POSITIONS)]
    return (torch.cat(found) if found else labels) == labels


def _rows_right(batch: MicroBatch, hits: torch.Tensor) -> torch.Tensor:
    """For each row with a supervised token, whether all of them are right, [rows]."""
    mask = batch.labels != IGNORED
    pack, position = mask.nonzero(as_tuple=True)
    rows = torch.stack((pack, batch.segments[pack, position]), dim=1)
    names, row_of = torch.unique(rows, dim=0, return_inverse=True)
    wrong = torch.zeros(len(names), dtype=torch.long, device=hits.device)
    return wrong.index_add(0, row_of, (~hits).long()) == 0
