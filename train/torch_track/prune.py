"""Cuts a base model down before it is trained: some of its layers, the strongest neurons of each feed-forward part.

What is left starts far below the base and heals in training, from embeddings and attention heads that have already
read English. The aim is a student whose phone file has a few megabytes; widths of the residual stream and heads stay.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from train.config.schema import PruneConfig
from train.errors import UserError


def prune(model: LlamaForCausalLM, wanted: PruneConfig) -> None:
    """Keeps the layers and the number of neurons that `wanted` names, in place.

    A neuron's strength is the product of the lengths of its gate, up and down vectors, the norm's gain before them
    included: with random inputs its output's size is proportional to it.
    """
    prune_config(model.config, wanted)
    layers = model.model.layers
    if wanted.layers is not None:
        model.model.layers = torch.nn.ModuleList(layers[number] for number in wanted.layers)
        for place, layer in enumerate(model.model.layers):
            layer.self_attn.layer_idx = place
    if wanted.intermediate_size is not None:
        for layer in model.model.layers:
            _keep_neurons(layer, wanted.intermediate_size)


def prune_config(config: LlamaConfig, wanted: PruneConfig) -> None:
    """The same on the shape alone. Raises UserError where the base has no such layer, or fewer neurons."""
    if wanted.layers is not None:
        missing = [number for number in wanted.layers if number >= config.num_hidden_layers]
        if missing:
            raise UserError(
                f"model.prune.layers names layer {missing[0]}, but the base has {config.num_hidden_layers} "
                f"(0 to {config.num_hidden_layers - 1})."
            )
        config.num_hidden_layers = len(wanted.layers)
    if wanted.intermediate_size is not None:
        if wanted.intermediate_size > config.intermediate_size:
            raise UserError(
                f"model.prune.intermediate_size is {wanted.intermediate_size}, the base has only "
                f"{config.intermediate_size} neurons a layer."
            )
        config.intermediate_size = wanted.intermediate_size


@torch.no_grad()
def _keep_neurons(layer: Any, count: int) -> None:
    mlp, gain = layer.mlp, layer.post_attention_layernorm.weight
    strength = (mlp.gate_proj.weight * gain).norm(dim=1) * (mlp.up_proj.weight * gain).norm(dim=1)
    strength = strength * mlp.down_proj.weight.norm(dim=0)
    kept = strength.topk(count).indices.sort().values
    for projection in (mlp.gate_proj, mlp.up_proj):
        projection.weight = torch.nn.Parameter(projection.weight[kept].clone())
        projection.out_features = count
        if projection.bias is not None:
            projection.bias = torch.nn.Parameter(projection.bias[kept].clone())
    mlp.down_proj.weight = torch.nn.Parameter(mlp.down_proj.weight[:, kept].clone())
    mlp.down_proj.in_features = mlp.intermediate_size = count
