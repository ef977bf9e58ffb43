"""Cross-entropy summed over supervised tokens.

The sum is divided by the number of supervised tokens of the whole optimizer step (all micro-batches, all processes),
never by those of one micro-batch: a mean of means weighs rows by how they happened to be batched.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaForCausalLM

from train.config.schema import Attention
from train.errors import UserError
from train.torch_track.attention import Kernel, kernel_for, seen_by_layers, use_packed_attention
from train.torch_track.chunked_loss import chunked_cross_entropy
from train.torch_track.flex_attention import fits, pays
from train.torch_track.packing import IGNORED, MicroBatch, Packs

# From this vocabulary on the logits are computed in chunks: unchunked they cost 98 KB a token at 49,152 words in bf16.
CHUNKED_FROM = 8192


@dataclass(frozen=True)
class Road:
    """How the numbers of a forward pass are computed; the result is the same but for rounding. What each part is worth
    on a GPU: eval/results/gpu-*.json (scripts/bench_gpu)."""

    attention: Kernel = "masked"
    flex: bool = False  # compiled layers take FlexAttention instead
    low_stream: bool = False  # the states between the layers in autocast's dtype, not fp32: half the memory traffic
    own_chunks: bool = False  # chunked_loss.py instead of torch's linear_cross_entropy
    chunk: int | None = None  # its positions at once; None: as the device has memory
    supervised_only: bool = False  # no logits where there is no loss; a GPU would have to be waited for to count these

    @classmethod
    def of(
        cls, model: LlamaForCausalLM, device: torch.device, bf16: bool, *packs: Packs, attention: Attention = "auto"
    ) -> Road:
        """The road that is exact for this model and these packs on this device.

        Raises UserError where it can't have what finetune.attention asks for.
        """
        gpu = device.type == "cuda"
        config = model.config
        head_size = config.head_dim or config.hidden_size // config.num_attention_heads
        dropout = config.attention_dropout or 0.0
        kernel = kernel_for(device, bf16, dropout, head_size, *packs)
        if attention != "auto" and (kernel == "masked" or (attention == "flex" and not fits(head_size))):
            heads = "16, 32, 64, 128 or 256" if attention == "flex" else "a multiple of 8 up to 256"
            raise UserError(
                f"finetune.attention is {attention!r}, which trains on a GPU with native bf16 (finetune.precision "
                f"bf16), without dropout, and with heads of {heads}. This run has the device {device.type}, "
                f"{'bf16' if bf16 else 'fp32'}, a dropout of {dropout} and heads of {head_size}. Leave it 'auto'."
            )
        by_itself = attention == "auto" and kernel == "varlen" and fits(head_size) and pays(*packs)
        own_chunks = gpu or config.vocab_size >= CHUNKED_FROM
        return cls(kernel, attention == "flex" or by_itself, gpu, own_chunks, supervised_only=not gpu)


class SummedLoss(nn.Module):
    """The model with its loss as output: what accelerate wraps, so that several processes share gradients."""

    def __init__(self, model: LlamaForCausalLM, road: Road | None = None) -> None:
        super().__init__()
        self.model, self.road = model, road or Road()
        self.kernel = self.road.attention  # of a training's passes; the loop changes it when it compiles layers
        use_packed_attention(model)
        self._chunked = model.config.vocab_size >= CHUNKED_FROM

    def forward(self, batch: MicroBatch) -> torch.Tensor:
        """Sum of the token losses of a micro-batch, a scalar in nats; 0 where nothing is supervised."""
        return self.loss(self.hidden(batch), batch)

    def hidden(self, batch: MicroBatch, attention: Kernel | None = None) -> torch.Tensor:
        """The last hidden states, [batch, length, width]. `attention`: instead of `kernel`."""
        inner = self.model.model
        states: torch.Tensor = inner.embed_tokens(batch.ids)
        rotation = inner.rotary_emb(states, position_ids=batch.positions)  # fp32 as the embedding is
        if self.road.low_stream and torch.is_autocast_enabled(states.device.type):
            states = states.to(torch.get_autocast_dtype(states.device.type))
        seen = seen_by_layers(attention or self.kernel, batch)
        for layer in inner.layers:
            states = layer(states, position_embeddings=rotation, position_ids=batch.positions, use_cache=False, **seen)
        last: torch.Tensor = inner.norm(states)
        return last

    def loss(self, hidden: torch.Tensor, batch: MicroBatch) -> torch.Tensor:
        """Sum of the token losses from the last hidden states."""
        states, labels, head = hidden.flatten(0, 1), batch.labels.flatten(), self.model.lm_head.weight
        if self.road.supervised_only:
            supervised = labels != IGNORED
            states, labels = states[supervised], labels[supervised]
        if self.road.own_chunks:
            device = hidden.device.type
            low = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else states.dtype
            return chunked_cross_entropy(states, head, labels, low, self.road.chunk)
        total: torch.Tensor = functional.linear_cross_entropy(
            states,
            head,
            labels,
            reduction="sum",
            ignore_index=IGNORED,
            options=nn.LinearCrossEntropyOptions() if self._chunked else None,
        )
        return total
