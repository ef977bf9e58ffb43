"""Cross-entropy summed over supervised tokens.

The sum is divided by the number of supervised tokens of the whole optimizer step (all micro-batches, all processes),
never by those of one micro-batch: a mean of means weighs rows by how they happened to be batched.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaForCausalLM

from train.torch_track.attention import use_packed_attention
from train.torch_track.packing import IGNORED, MicroBatch, attention_mask

# From this vocabulary on the logits are computed in chunks: unchunked they cost 98 KB a token at 49,152 words in bf16.
CHUNKED_FROM = 8192


class SummedLoss(nn.Module):
    """The model with its loss as output: what accelerate wraps, so that several processes share gradients."""

    def __init__(self, model: LlamaForCausalLM) -> None:
        super().__init__()
        self.model = model
        use_packed_attention(model)
        chunked = model.config.vocab_size >= CHUNKED_FROM
        self._options = nn.LinearCrossEntropyOptions() if chunked else None

    def forward(self, batch: MicroBatch) -> torch.Tensor:
        """Sum of the token losses of a micro-batch, a scalar in nats; 0 where nothing is supervised."""
        return self.loss(self.hidden(batch), batch)

    def hidden(self, batch: MicroBatch) -> torch.Tensor:
        """The last hidden states, [batch, length, width]."""
        states: torch.Tensor = self.model.model(
            input_ids=batch.ids,
            attention_mask=attention_mask(batch.segments),
            position_ids=batch.positions,
            use_cache=False,
        ).last_hidden_state
        return states

    def loss(self, hidden: torch.Tensor, batch: MicroBatch) -> torch.Tensor:
        """Sum of the token losses from the last hidden states."""
        total: torch.Tensor = functional.linear_cross_entropy(
            hidden.flatten(0, 1),
            self.model.lm_head.weight,
            batch.labels.flatten(),
            reduction="sum",
            ignore_index=IGNORED,
            options=self._options,
        )
        return total
