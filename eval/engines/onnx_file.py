"""A Hugging Face folder as an ONNX file with a KV cache, written by torch.onnx.export (torch.export inside).

One graph serves prompts and single steps: batch B, new tokens T and cached tokens P are symbols. The attention mask is
an input, so that rows of different lengths can share a batch.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim
from transformers import DynamicCache, LlamaForCausalLM

OPSET = 20


class CachedStep(torch.nn.Module):
    """input_ids, position_ids [B,T]; mask [B,1,T,P+T], 0 or very negative; past: k and v of each layer [B,KV,P,D]."""

    def __init__(self, model: LlamaForCausalLM) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, position_ids: Any, mask: Any, past: list[Any]) -> tuple[Any, ...]:
        """Logits [B,V] after the last token, then k and v of each layer [B,KV,P+T,D]."""
        cache: Any = DynamicCache(zip(past[::2], past[1::2], strict=True))
        output: Any = self.model(
            input_ids=input_ids,
            position_ids=position_ids,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        present = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
        return (output.logits[:, -1], *present)


def write_onnx(folder: Path, path: Path) -> None:
    """Exports the causal language model of `folder`, fp32, to one file."""
    model: Any = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    config = model.config
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    batch, new, old = 2, 3, 5  # of the example; no symbol may be 0 or 1 in it
    shape = (batch, config.num_key_value_heads, old, head_dim)
    # One tensor for each: the exporter takes the same tensor given twice for one input.
    past = [torch.zeros(shape) for _ in range(2 * config.num_hidden_layers)]
    ids = torch.ones(batch, new, dtype=torch.long)
    positions = torch.arange(old, old + new).expand(batch, new).clone()
    names = [f"{kind}_{number}" for number in range(config.num_hidden_layers) for kind in ("k", "v")]
    with quiet():
        program = torch.onnx.export(
            CachedStep(model.eval()),
            (ids, positions, torch.zeros(batch, 1, new, old + new), past),
            input_names=["input_ids", "position_ids", "mask", *(f"past_{name}" for name in names)],
            output_names=["logits", *(f"present_{name}" for name in names)],
            dynamic_shapes=dynamic_shapes(len(past)),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        assert program is not None  # only the old exporter returns None
        program.save(path, external_data=False)


def dynamic_shapes(caches: int) -> tuple[Any, ...]:
    """Axes that are symbols, in the order of CachedStep.forward; the mask's last one is P + T by itself."""
    axes = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    return axes, axes, {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}, [{0: Dim.DYNAMIC, 2: Dim.DYNAMIC}] * caches


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The exporter tells its steps and warns of its own parts."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
