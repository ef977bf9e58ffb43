"""Whether micro-batches are large enough to keep a GPU busy.

A step of small kernels is bound by how fast the host launches them. SmolLM2-135M, packed rows, compiled layers, one
H100: about 85,000 tokens/s with micro-batches of 8,192 positions, 255,000 with 32,768 (commands in train/LOG.md; that
the host is the reason was concluded, not profiled).
"""

from __future__ import annotations

from train.config.schema import FinetuneConfig

BUSY_POSITIONS = 32_768


def advice(settings: FinetuneConfig) -> str | None:
    """What to raise where a GPU would wait for the host; None where micro-batches are large enough."""
    positions = settings.micro_batch_size * settings.sequence_length
    if positions >= BUSY_POSITIONS:
        return None
    return (
        f"A GPU waits for the host between micro-batches of {positions:,} positions (finetune.micro_batch_size "
        f"{settings.micro_batch_size} × finetune.sequence_length {settings.sequence_length}). With {BUSY_POSITIONS:,} "
        "or more, and finetune.batch_size with them, an H100 trained SmolLM2-135M three times as fast. Memory is the "
        "limit."
    )
