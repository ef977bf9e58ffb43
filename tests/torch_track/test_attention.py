"""The attention of the training against transformers' eager one and float64."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from train.torch_track import attention
from train.torch_track.attention import kernel_for, packed_attention, use_packed_attention
from train.torch_track.packing import EMPTY, attention_mask, pack_rows

CUDA = torch.device("cuda")  # nothing is computed on it here
SEGMENTS = torch.tensor([[0, 0, 0, 1, 1, 2, 2, 2, 2, EMPTY], [0, 0, 0, 0, 0, 0, 0, EMPTY, EMPTY, EMPTY]])
POSITIONS = torch.tensor([[0, 1, 2, 0, 1, 0, 1, 2, 3, 0], [0, 1, 2, 3, 4, 5, 6, 0, 0, 0]])


def model(**changes: object) -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {
        "vocab_size": 64, "hidden_size": 48, "intermediate_size": 40, "num_hidden_layers": 2,
        "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 16,
    }  # fmt: skip
    return LlamaForCausalLM(LlamaConfig(**{**sizes, **changes})).eval()


def gradients(made: LlamaForCausalLM, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    ids = torch.randint(0, 64, SEGMENTS.shape)
    out = made.model(input_ids=ids, attention_mask=mask, position_ids=POSITIONS, use_cache=False)
    real = out.last_hidden_state[SEGMENTS != EMPTY]
    real.square().sum().backward()
    return {name: p.grad for name, p in made.named_parameters() if p.grad is not None} | {"states": real.detach()}


@pytest.mark.parametrize("heads", [(6, 2), (6, 6), (4, 1)])
def test_gradients_equal_those_of_transformers(heads: tuple[int, int]) -> None:
    shape = {"num_attention_heads": heads[0], "num_key_value_heads": heads[1]}
    ours, theirs = model(**shape), model(**shape)
    use_packed_attention(ours)
    theirs.set_attn_implementation("eager")
    mask = attention_mask(SEGMENTS)
    additive = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)
    expected = gradients(theirs, additive)
    found = gradients(ours, mask)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=1e-4, rtol=1e-4, msg=name)


def test_products_and_fused_kernel_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both roads of packed_attention: short packs, and packs beyond LONGEST."""
    ours, fused = model(), model()
    use_packed_attention(ours)
    use_packed_attention(fused)
    found = gradients(ours, attention_mask(SEGMENTS))
    monkeypatch.setattr(attention, "LONGEST", 4)
    for name, value in gradients(fused, attention_mask(SEGMENTS)).items():
        torch.testing.assert_close(found[name], value, atol=1e-4, rtol=1e-4, msg=name)


def test_bf16_against_float64() -> None:
    torch.manual_seed(2)
    query, key, value = (torch.randn(2, heads, 10, 16, dtype=torch.float64) for heads in (6, 2, 2))
    mask = attention_mask(SEGMENTS)
    scores = query @ key.repeat_interleave(3, 1).transpose(2, 3) / 4.0  # √16
    weights = scores.masked_fill(~mask, float("-inf")).softmax(-1)
    expected = (weights @ value.repeat_interleave(3, 1)).transpose(1, 2)
    low = (part.bfloat16() for part in (query, key, value))
    out, _ = packed_attention(torch.nn.Module(), *low, mask)
    assert out.shape == (2, 10, 6, 16)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.double(), expected, atol=2e-2, rtol=2e-2)


def test_the_saved_model_does_not_name_it(tmp_path: object) -> None:
    ours = model()
    use_packed_attention(ours)
    ours.save_pretrained(tmp_path)
    again = LlamaForCausalLM.from_pretrained(tmp_path)
    assert again.config._attn_implementation == "sdpa"


def test_padded_prompts_are_answered_as_without_it() -> None:
    """The samples of a validation come from generate(), with padding on the left and a cache."""
    ours, theirs = model(), model()
    use_packed_attention(ours)
    ids = torch.tensor([[0, 0, 0, 5, 6, 7], [8, 9, 10, 11, 12, 13]])
    asked = {"attention_mask": (ids != 0).long(), "max_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
    with torch.no_grad():
        found, expected = (made.generate(ids, **asked, eos_token_id=None) for made in (ours, theirs))
        logits = [made(ids, attention_mask=asked["attention_mask"]).logits[ids != 0] for made in (ours, theirs)]
    assert found.tolist() == expected.tolist()
    torch.testing.assert_close(*logits, atol=1e-5, rtol=1e-4)


def test_kernels_by_device_and_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "gpu_has_bf16", lambda: True)
    rows = [([1, 2, 3], [0, 1, 1]), ([4, 5], [0, 1])]
    several, single = pack_rows(rows, 8, 0), pack_rows(rows, 8, 0, packing=False)
    assert kernel_for(torch.device("cpu"), True, 0.0, 64, single) == "masked"
    assert kernel_for(CUDA, True, 0.0, 64, single) == "causal"
    assert kernel_for(CUDA, True, 0.0, 64, several) == kernel_for(CUDA, True, 0.0, 64, single, several) == "varlen"
    assert kernel_for(CUDA, False, 0.0, 64, single) == kernel_for(CUDA, True, 0.1, 64, several) == "masked"
    assert kernel_for(CUDA, True, 0.0, 12, several) == kernel_for(CUDA, True, 0.0, 512, several) == "masked"
    monkeypatch.setattr(attention, "gpu_has_bf16", lambda: False)  # a T4: FlashAttention refuses it
    assert kernel_for(CUDA, True, 0.0, 64, single) == kernel_for(CUDA, True, 0.0, 64, several) == "masked"
