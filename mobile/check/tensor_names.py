"""The names by which LiteRT-LM finds the tensors of a signature, and what it reads off their shapes.

From its sources (runtime/executor/litert_compiled_model_executor_utils.cc, litert/state.cc).
"""

from __future__ import annotations

from mobile.check.tflite_model import Signature, Tensor

TOKENS, POSITIONS, MASK = ("tokens", "token_ids"), ("input_pos", "positions"), ("mask", "attn_mask")
LOCAL_MASK = ("local_mask", "attn_mask_local", "local_attn_mask")
EMBEDDINGS = ("embeddings", "per_layer_embeddings")
FILLED = {*TOKENS, *POSITIONS, *MASK, *LOCAL_MASK, *EMBEDDINGS, "param_tensor"}
KEYS, VALUES, STATES = ("kv_cache_k_", "k_cache_"), ("kv_cache_v_", "v_cache_"), ("kv_cache_c_",)


def find(tensors: dict[str, Tensor], names: tuple[str, ...]) -> Tensor | None:
    """The tensor that goes by one of `names`."""
    return next((tensors[name] for name in names if name in tensors), None)


def is_cache(name: str) -> bool:
    """Keys, values, or the state of a convolution."""
    return name.startswith((*KEYS, *VALUES, *STATES))


def is_lora(name: str) -> bool:
    """Inputs that LiteRT-LM's LoRA manager fills."""
    return "lora" in name.lower() or "_w_prime_" in name


def caches(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if is_cache(name)}


def length(signature: Signature) -> int | None:
    """Tokens a call: the last size of the positions [N] or [1, N]; None where there are none or it is open (-1)."""
    positions = find(signature.inputs, POSITIONS)
    size = positions.shape[-1] if positions is not None and positions.shape else -1
    return size if size > 0 else None


def window(signature: Signature) -> int | None:
    """Cache entries S as LiteRT-LM counts them: the mask's last size; without a mask, size 2 of the first key cache."""
    mask = find(signature.inputs, MASK)
    if mask is not None:
        size = mask.shape[3] if len(mask.shape) == 4 else -1
    else:
        keys = [tensor for name, tensor in signature.inputs.items() if name.startswith(KEYS)]
        size = keys[0].shape[2] if keys and len(keys[0].shape) >= 3 else -1
    return size if size > 0 else None
