"""Scores of copying heads on attention made by hand, and on a model that can't copy."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch
import typer
from transformers import LlamaConfig, LlamaForCausalLM

from tests.conftest import TINY, tiny_config
from train.chat import ChatTokenizer
from train.config.load import dump_config
from train.config.schema import ModelConfig
from train.torch_track.induction import LayerScore, copying_scores, main, scores_of, suggest
from train.torch_track.model import random_model

N = 4  # tokens, said twice


def looking(at: list[int]) -> torch.Tensor:
    """Attention [1, 1, 2N, 2N] of a head whose query t looks at position at[t] alone."""
    weights = torch.zeros(1, 1, 2 * N, 2 * N)
    for query, key in enumerate(at):
        weights[0, 0, query, key] = 1.0
    return weights


def test_scores_of_perfect_heads() -> None:
    previous = looking([0, 0, 1, 2, 3, 4, 5, 6])
    # Token 0 of the second saying is at 4; it was at 0, and behind it stands 1.
    induction = looking([0, 0, 0, 0, 1, 2, 3, 4])
    elsewhere = looking([0] * 8)
    score = scores_of(3, torch.cat([elsewhere, previous, induction, induction], 1))
    # The induction head's last query looks at 4 where the previous-token head looks at 6; query 1 looks at 0 in all.
    assert score == LayerScore(3, previous=1.0, induction=1.0, induction_heads=2.0)
    assert scores_of(0, elsewhere).previous == pytest.approx(1 / 7)


def test_the_suggestion_by_hand() -> None:
    previous = [0.1, 0.7, 0.2, 0.8, 0.1, 0.9, 0.1]
    induction = [0.9, 0.0, 0.1, 0.0, 2.0, 0.3, 1.5]
    scores = [LayerScore(n, p, i, i) for n, (p, i) in enumerate(zip(previous, induction, strict=True))]
    assert suggest(scores, 3) == [0, 3, 4]
    assert suggest(scores, 4) == [0, 3, 4, 6]  # not 5: it looks back most, but above layer 4
    assert suggest(scores, 5) == [0, 3, 4, 5, 6]


def test_a_random_model_has_no_copying_heads() -> None:
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 40, "num_attention_heads": 4, "num_key_value_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=100, num_hidden_layers=3, **shape))
    scores = copying_scores(model)
    assert [score.layer for score in scores] == [0, 1, 2]
    assert all(0 < score.induction < 0.1 and score.previous < 0.2 for score in scores)
    assert model.config._attn_implementation == "sdpa"  # as it was


@pytest.mark.parametrize(
    ("source", "message"),
    [("random", "no head of random weights copies"), ("base", "--keep is 4, and .* has only 2 layers")],
)
def test_a_base_that_has_nothing_to_choose_from(
    tmp_path: Path, tokenizer_folder: Path, capsys: pytest.CaptureFixture[str], source: str, message: str
) -> None:
    random_model(TINY, ChatTokenizer.load(tokenizer_folder), seed=0).save_pretrained(tmp_path / "base")
    shutil.copy(tokenizer_folder / "tokenizer.json", tmp_path / "base")
    config = tiny_config(tmp_path)
    if source == "base":
        config = config.model_copy(update={"model": ModelConfig(source=str(tmp_path / "base"), sha256=None)})
    (tmp_path / "c.yaml").write_text(dump_config(config))
    with pytest.raises(typer.Exit) as ended:
        main(tmp_path / "c.yaml", None, 4)
    assert ended.value.exit_code == 2
    assert re.search(message, capsys.readouterr().err)
