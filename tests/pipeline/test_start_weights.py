"""`finetune.initial`: training goes on from another run's weights, whatever numbers its tokens have."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from train.config import Config
from train.config.load import dump_config
from train.data import STAGE as DATA
from train.errors import UserError
from train.pipeline import run_pipeline
from train.runs import is_done, open_run
from train.shared_vocabulary import vocabulary
from train.stage import run_stage
from train.torch_track import finetune_stage
from train.torch_track.model import load_trainable

MakeConfig = Callable[..., Config]


def going_on(config: Config, **finetune: Any) -> Config:
    changed = config.finetune.model_copy(update={"initial": "run:tiny", **finetune})
    return config.model_copy(update={"name": "second", "finetune": changed})


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()


def test_training_begins_where_the_other_run_ended(trained: Config) -> None:
    config = going_on(trained, learning_rate=1e-12, weight_decay=0.0)  # steps that move nothing
    run_stage(DATA, config)
    run_stage(finetune_stage(config), config)
    first, second = (weights(trained.runs_dir / name / "teacher") for name in ("tiny", "second"))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=1e-8, rtol=0, msg=name)


@pytest.mark.parametrize("keep_best", [True, False])
def test_a_share_of_the_first_weights_stays(trained: Config, keep_best: bool) -> None:
    """The mean of both ends, by hand; the validation figures are those of the mean."""
    # A rate so high that the best step is not the last one.
    settings = {"learning_rate": 4.0, "min_lr_ratio": 1.0, "warmup_steps": 6, "eval_every": 1, "keep_best": keep_best}
    names, losses = {}, {}
    for share in (0.0, 0.25):
        config = going_on(trained, initial_share=share, **settings)
        config = config.model_copy(update={"name": f"share-{share:g}"})
        run_stage(DATA, config)
        headline = run_stage(finetune_stage(config), config)
        assert not keep_best or headline["best_step"] < headline["steps"]
        names[share], losses[share] = open_run(config).teacher, headline["val_loss"]
    first, end, mixed = (weights(folder) for folder in (open_run(trained).teacher, names[0.0], names[0.25]))
    for name, tensor in mixed.items():
        torch.testing.assert_close(tensor, 0.25 * first[name] + 0.75 * end[name], msg=name)
    again = going_on(trained, initial="run:share-0.25", learning_rate=1e-12, weight_decay=0.0)
    run_stage(DATA, again)
    assert run_stage(finetune_stage(again), again)["val_loss"] == pytest.approx(losses[0.25], rel=1e-5)
    assert losses[0.25] != losses[0.0]


def test_a_share_of_no_run_has_no_effect(trained: Config, capfd: pytest.CaptureFixture[str]) -> None:
    """So that the way out of a missing run, finetune.initial=null, leads out."""
    expected = weights(open_run(trained).teacher)
    settings = trained.finetune.model_copy(update={"initial_share": 0.5})
    config = trained.model_copy(update={"name": "alone", "finetune": settings})
    run_stage(DATA, config)
    run_stage(finetune_stage(config), config)
    for name, tensor in weights(open_run(config).teacher).items():
        assert torch.equal(tensor, expected[name]), name
    assert "initial_share 0.5 has no effect" in capfd.readouterr().err


def test_a_share_of_all_would_be_no_training(make_config: MakeConfig) -> None:
    for section in ("finetune", "distill"):
        with pytest.raises(ValueError, match=r"initial_share"):
            make_config(**{section: {"initial_share": 1.0}})


def test_what_it_went_on_from_is_followed(trained: Config) -> None:
    config = going_on(trained)
    run_stage(DATA, config)
    run_stage(finetune_stage(config), config)
    assert is_done(finetune_stage(config), config, open_run(config))
    other = trained.runs_dir / "tiny" / "teacher" / "config.json"
    other.write_text(other.read_text() + "\n")
    assert not is_done(finetune_stage(config), config, open_run(config))


def test_rows_of_the_embedding_follow_their_tokens(trained: Config, tmp_path: Path) -> None:
    run = open_run(trained)
    own = run.data / "tokenizer"
    state = json.loads((own / "tokenizer.json").read_text())
    numbers = state["model"]["vocab"]
    numbers["a"], numbers["b"] = numbers["b"], numbers["a"]
    renumbered = tmp_path / "renumbered"
    renumbered.mkdir()
    (renumbered / "tokenizer.json").write_text(json.dumps(state))
    (renumbered / "tokenizer_config.json").write_text((own / "tokenizer_config.json").read_text())
    given = weights(run.teacher)["model.embed_tokens.weight"]
    model = load_trainable(trained.model, renumbered, seed=5, initial=run.teacher)
    found, before = model.model.embed_tokens.weight.detach(), vocabulary(own)
    assert torch.equal(found[before["a"]], given[before["b"]])
    assert torch.equal(found[before["b"]], given[before["a"]])
    assert torch.equal(found[before["c"]], given[before["c"]])
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_a_model_of_another_shape_is_refused(trained: Config) -> None:
    assert trained.model.shape is not None
    shape = trained.model.shape.model_copy(update={"num_hidden_layers": 1})
    config = going_on(trained).model_copy(update={"model": trained.model.model_copy(update={"shape": shape})})
    run_stage(DATA, config)
    with pytest.raises(UserError, match=r"\(finetune\.initial\) is a model with num_hidden_layers 2, .* one with 1"):
        run_stage(finetune_stage(config), config)


def test_a_missing_run_is_named_before_any_work(tmp_path: Path, make_config: MakeConfig) -> None:
    config = make_config(finetune={"initial": "run:nowhere"})
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(config))
    with pytest.raises(UserError, match=r"nowhere/teacher \(finetune\.initial\).* or set finetune\.initial=null"):
        run_pipeline([DATA, finetune_stage(config)], path, [], lambda _: {})
    assert not (config.runs_dir / config.name / "data").exists()


@pytest.mark.parametrize("other", [{"teacher": "run:b"}, {"adapter": {"type": "lora"}}])
def test_what_contradicts_it_is_refused(make_config: MakeConfig, other: dict[str, Any]) -> None:
    with pytest.raises((UserError, ValueError), match=r"finetune\.initial.*[Ll]eave one of them out"):
        make_config(finetune={"initial": "run:a", **other})
