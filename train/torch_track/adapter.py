"""Low-rank adapters through peft: put into the model in place, merged in fp32 at the end.

The layers stay a LlamaForCausalLM's, so loss, packing, compiling and checkpoints know nothing of adapters.
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import BitsAndBytesConfig, LlamaForCausalLM

from train.atomic import whole_folder
from train.config.schema import AdapterConfig
from train.errors import MissingExtraError, TandemError, UserError
from train.torch_track.packing import MicroBatch, attention_mask

if TYPE_CHECKING:
    from peft import PeftModel

# Largest difference of a logit after merging, as a share of the largest logit. fp32 rounding is about 1e-6.
MERGE_TOLERANCE = 1e-4


def attach(model: LlamaForCausalLM, settings: AdapterConfig, seed: int) -> PeftModel:
    """Puts adapters into `model` (in place) and freezes all other weights; returns peft's hold on it.

    Raises:
        MissingExtraError: peft is not installed.
    """
    _require_peft()
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        use_rslora=settings.type == "rslora",
        use_dora=settings.type == "dora",
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(seed)  # the adapter's first weights, whatever loading the model has drawn before
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for an attribute by its older name
        found: Any = get_peft_model(model, config)  # type: ignore[arg-type]
    return found  # type: ignore[no-any-return]


def four_bit_config(device: torch.device) -> BitsAndBytesConfig:
    """How a QLoRA base is loaded: NF4 with double quantisation (arXiv 2305.14314).

    Raises:
        UserError: no CUDA device here, or no bitsandbytes.
    """
    other = "Use lora, rslora or dora, which run everywhere."
    if device.type != "cuda":
        raise UserError(
            f"finetune.adapter.type is 'qlora', which needs a CUDA device; training is on {device}. {other}"
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError(
            "finetune.adapter.type is 'qlora', which needs the library bitsandbytes: pip install bitsandbytes. " + other
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def save_adapter(adapter: PeftModel, folder: Path) -> None:
    """The adapter alone, as peft's own folder (adapter_config.json, adapter_model.safetensors)."""
    with whole_folder(folder) as temporary:
        adapter.save_pretrained(str(temporary), save_embedding_layers=False)
        (temporary / "README.md").unlink(missing_ok=True)  # peft's empty model card


def load_adapter(base: LlamaForCausalLM, folder: Path) -> PeftModel:
    """A saved adapter on its base."""
    from peft import PeftModel

    found: Any = PeftModel.from_pretrained(base, str(folder))  # type: ignore[arg-type]
    return found  # type: ignore[no-any-return]


def merge(adapter: PeftModel, batch: MicroBatch) -> LlamaForCausalLM:
    """The plain model with the adapter's weights added in fp32.

    Args:
        batch: what logits before and after are compared on.

    Raises:
        TandemError: the logits differ by more than rounding, or the base is not fp32.
    """
    base: Any = adapter.get_base_model()
    kinds = {p.dtype for p in base.parameters()}
    if kinds != {torch.float32}:
        raise TandemError(f"Adapters are merged in fp32; the base has {', '.join(sorted(map(str, kinds)))}.")
    base.eval()
    before = _logits(base, batch)
    merged: Any = adapter.merge_and_unload(safe_merge=True)
    after = _logits(merged, batch)
    error = float((after - before).abs().max() / before.abs().max())
    if not error <= MERGE_TOLERANCE:
        raise TandemError(
            f"Merging the adapter changed the logits by {error:.1e} of the largest; {MERGE_TOLERANCE} may."
        )
    return merged  # type: ignore[no-any-return]


@torch.no_grad()
def _logits(model: LlamaForCausalLM, batch: MicroBatch) -> torch.Tensor:
    """Logits of the positions that hold tokens, fp32, [positions, vocabulary]."""
    with torch.compiler.set_stance("force_eager"):  # compiled layers would be compiled again, for one pass
        found = model(
            input_ids=batch.ids,
            attention_mask=attention_mask(batch.segments),
            position_ids=batch.positions,
            use_cache=False,
        ).logits
    kept: torch.Tensor = found[batch.segments >= 0]
    return kept


def _require_peft() -> None:
    if importlib.util.find_spec("peft") is None:
        raise MissingExtraError("peft", "torch", "finetune.adapter")
