"""Which layers of a model copy: the probe behind `model.prune.layers`.

Copying takes two kinds of attention heads in a row (Olsson et al. 2022, arXiv 2209.11895): a head that looks at the
previous token, and above it an induction head, which looks behind the former occurrence of the present token. A small
student fails at names it never saw; one made of layers that hold both kinds has its copying from the start.

    python -m train.torch_track.induction configs/student-init.yaml --keep 4
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from transformers import LlamaForCausalLM

from train.errors import UserError

LENGTH, ROWS = 32, 8  # random tokens, said twice; rows of them
NOTED = 0.3  # attention from which a head is counted as of a kind


@dataclass(frozen=True)
class LayerScore:
    """Attention of a layer's heads, each between 0 and 1, averaged over positions."""

    layer: int
    previous: float  # of the best head, on the token before
    induction: float  # of the best head, on the token behind the former occurrence of the present one
    induction_heads: float  # the same summed over the layer's heads


@torch.no_grad()
def copying_scores(model: LlamaForCausalLM, seed: int = 0) -> list[LayerScore]:
    """Scores of all layers on random tokens that are repeated once, so that nothing but the repetition can help."""
    generator = torch.Generator().manual_seed(seed)
    once = torch.randint(0, model.config.vocab_size, (ROWS, LENGTH), generator=generator)
    former = model.config._attn_implementation
    model.set_attn_implementation("eager")  # the only one that returns its weights
    try:
        # Per layer [rows, heads, 2·LENGTH, 2·LENGTH]
        attentions = model(torch.cat([once, once], 1), output_attentions=True, use_cache=False).attentions
    finally:
        model.set_attn_implementation(former)
    return [scores_of(layer, attention) for layer, attention in enumerate(attentions)]


def scores_of(layer: int, attention: torch.Tensor) -> LayerScore:
    """Scores of one layer from its attention [rows, heads, 2n, 2n] over n tokens said twice."""
    length = attention.shape[-1]
    every = torch.arange(1, length)
    again = torch.arange(length // 2, length)
    previous = attention[:, :, every, every - 1].mean((0, 2))
    induction = attention[:, :, again, again - length // 2 + 1].mean((0, 2))
    return LayerScore(layer, float(previous.max()), float(induction.max()), float(induction.sum()))


def suggest(scores: Sequence[LayerScore], keep: int) -> list[int]:
    """`keep` layers, at least three: the first, which reads the embedding; the layers with most induction; below the
    lowest of these, the one that looks most at the previous token."""
    ranked = sorted(scores[2:], key=lambda score: -score.induction_heads)
    chosen = sorted(score.layer for score in ranked[: keep - 2])
    below = [score for score in scores[1 : chosen[0]] if score.layer not in chosen]
    return sorted({0, max(below, key=lambda score: score.previous).layer, *chosen})


def main(
    config: Annotated[Path, typer.Argument(metavar="CONFIG")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]…")] = None,
    keep: Annotated[int, typer.Option(min=3, help="layers of the student")] = 4,
) -> None:
    """Prints the copying heads of the base model's layers, and which layers to keep."""
    from train.command import guarded
    from train.config import load_config

    def work() -> dict[str, Any]:
        from train.torch_track.model import load_base

        source = load_config(config, overrides or []).config.model
        if source.source == "random":
            raise UserError("model.source is 'random': no head of random weights copies. Name a base that was trained.")
        model = load_base(source)
        if model.config.num_hidden_layers < keep:
            raise UserError(
                f"--keep is {keep}, and {source.source} has only {model.config.num_hidden_layers} layers: keep fewer, "
                "at least 3."
            )
        scores = copying_scores(model)
        _print(scores)
        return {"layers": suggest(scores, keep)}

    raise typer.Exit(guarded(work))


def _print(scores: Sequence[LayerScore]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("layer", "previous token", "induction", "induction, all heads", title="Heads that copy")
    for score in scores:
        style = "bold" if max(score.previous, score.induction) >= NOTED else None
        figures = (score.previous, score.induction, score.induction_heads)
        table.add_row(str(score.layer), *(f"{figure:.2f}" for figure in figures), style=style)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
