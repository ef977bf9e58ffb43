"""Cutting a base model down; expected values from a model built by hand out of the same weights."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from train.config.schema import PruneConfig
from train.errors import UserError
from train.torch_track.prune import prune, prune_config

IDS = torch.arange(3, 15)[None]


def base(**changes: object) -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {
        "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 5,
        "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True,
    }  # fmt: skip
    return LlamaForCausalLM(LlamaConfig(**{**sizes, **changes})).eval()


def logits(model: LlamaForCausalLM) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=IDS, use_cache=False).logits


def test_the_named_layers_stay_in_their_order() -> None:
    whole, cut = base(), base()
    prune(cut, PruneConfig(layers=[0, 3, 4]))
    # The same by other means: the layers that go are made to add nothing to the residual stream.
    for number in (1, 2):
        torch.nn.init.zeros_(whole.model.layers[number].self_attn.o_proj.weight)
        torch.nn.init.zeros_(whole.model.layers[number].mlp.down_proj.weight)
    assert cut.config.num_hidden_layers == 3
    torch.testing.assert_close(logits(cut), logits(whole))
    assert [layer.self_attn.layer_idx for layer in cut.model.layers] == [0, 1, 2]  # the KV cache's places
    with torch.no_grad():
        cached = cut.generate(IDS, max_new_tokens=4, do_sample=False, use_cache=True)
        alone = cut.generate(IDS, max_new_tokens=4, do_sample=False, use_cache=False)
    assert cached.tolist() == alone.tolist()


def test_neurons_that_do_nothing_go_first() -> None:
    whole = base(mlp_bias=True)
    dead = [5, 11, 40]
    for layer in whole.model.layers:
        torch.nn.init.normal_(layer.mlp.gate_proj.bias)
        torch.nn.init.normal_(layer.mlp.down_proj.bias)
        with torch.no_grad():
            layer.mlp.down_proj.weight[:, dead] = 0.0
    cut = copy.deepcopy(whole)
    prune(cut, PruneConfig(intermediate_size=45))
    assert cut.model.layers[0].mlp.gate_proj.weight.shape == (45, 32)
    assert cut.config.intermediate_size == 45
    torch.testing.assert_close(logits(cut), logits(whole))


def test_the_gain_of_the_norm_counts() -> None:
    model = base(num_hidden_layers=1)
    mlp, norm = model.model.layers[0].mlp, model.model.layers[0].post_attention_layernorm
    with torch.no_grad():
        for matrix in (mlp.gate_proj.weight, mlp.up_proj.weight):
            matrix.zero_()
            matrix[0, 0], matrix[1, 1], matrix[2, 2] = 3.0, 1.0, 2.0  # neuron n reads dimension n alone
        mlp.down_proj.weight.fill_(1.0)
        norm.weight[:3] = torch.tensor([0.1, 4.0, 1.0])  # so its strength is (.1·3)², (4·1)², (1·2)²
    prune(model, PruneConfig(intermediate_size=2))
    kept = model.model.layers[0].mlp.gate_proj.weight
    assert kept[:, :3].tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (PruneConfig(layers=[0, 5]), "names layer 5, but the base has 5"),
        (PruneConfig(intermediate_size=49), "is 49, the base has only 48"),
    ],
)
def test_what_the_base_does_not_have(wanted: PruneConfig, said: str) -> None:
    with pytest.raises(UserError, match=said):
        prune_config(base().config, wanted)
