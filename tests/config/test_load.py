"""Config files: every problem at once, with its origin; extends, overrides, numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from train.config import load_config
from train.config.__main__ import SCHEMA, json_schema
from train.config.load import dump_config
from train.errors import UserError

# gates.yaml is what a run is judged by, not a run's config: tests/eval/test_gates.py reads it.
CONFIGS = [path for path in sorted((Path(__file__).parents[2] / "configs").glob("*.yaml")) if path.stem != "gates"]


def write(folder: Path, text: str, name: str = "c.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_shipped_configs_are_valid_and_name_the_schema(path: Path) -> None:
    assert load_config(path).config.name == path.stem
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json")


def test_schema_file_is_current() -> None:
    assert json.loads(SCHEMA.read_text()) == json_schema()


def test_all_problems_are_listed_with_value_and_origin(tmp_path: Path) -> None:
    path = write(tmp_path, "name: x\nfinetune:\n  learning_rat: 1e-4\n  epochs: many\n")
    with pytest.raises(UserError) as caught:
        load_config(path, ["distill.alpha=2"])
    message = str(caught.value)
    assert "3 problems" in message
    assert f"finetune.learning_rat: unknown key ({path}:3); did you mean 'learning_rate'?" in message
    assert f"finetune.epochs: 'many' ({path}:4)" in message
    assert "distill.alpha: 2 (override 'distill.alpha=2'); expected: input should be less than or equal to 1" in message


def test_extends_is_overridden_key_by_key_and_mappings_are_replaced(tmp_path: Path) -> None:
    write(tmp_path, "name: base\nfinetune: {epochs: 3, batch_size: 16}\neval: {sets: {t3: 5}}\n", "base.yaml")
    path = write(tmp_path, "extends: base.yaml\nname: top\nfinetune: {epochs: 1e-1}\neval: {sets: {mine: 7}}\n")
    loaded = load_config(path, ["finetune.micro_batch_size=2"])
    assert (loaded.config.finetune.epochs, loaded.config.finetune.batch_size) == (0.1, 16)
    assert loaded.config.finetune.micro_batch_size == 2
    assert loaded.config.eval.sets == {"mine": 7}
    assert loaded.origin("finetune.epochs") == f"{path}:3"
    assert loaded.origin("finetune.batch_size") == f"{tmp_path / 'base.yaml'}:2"
    assert loaded.origin("finetune.clip_norm") == "default"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a\nname: b\n", "not valid YAML"),
        ("name: [a\n", "not valid YAML"),
        ("- a\n", "not a config"),
        ("extends: c.yaml\nname: a\n", "extends itself"),
        ("extends: gone.yaml\nname: a\n", "No config file at"),
        ("seed: 1\n", "name: missing"),
        ("name: a/b\n", "pattern"),
        ("name: a\nfinetune: {batch_size: 6, micro_batch_size: 4}\n", "not a multiple of"),
        ("name: a\nfinetune: {sequence_length: 64}\n", "shorter than data.max_length"),
        ("name: a\nmodel: {source: random}\n", "model.shape"),
        (
            "name: a\nmodel: {source: random, prune: {layers: [0], intermediate_size: 8}, shape: {hidden_size: 8, "
            "intermediate_size: 8, num_hidden_layers: 1, num_attention_heads: 1, num_key_value_heads: 1}}\n",
            "model.prune keeps a part of a trained base",
        ),
        ("name: a\nstudent: {hidden_size: 30}\n", "multiple of num_attention_heads"),
        ("name: a\nstudent: {backend: pytorch}\n", "'torch', as Keras calls it"),
    ],
)
def test_bad_configs_are_one_clear_message(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UserError, match="(?s).*" + expected.replace("'", ".")):
        load_config(write(tmp_path, text))


def test_a_misspelt_file_name_is_recognised(tmp_path: Path) -> None:
    write(tmp_path, "name: a\n", "demo.yaml")
    with pytest.raises(UserError, match=r"Did you mean .*demo\.yaml"):
        load_config(tmp_path / "dmo.yaml")


def test_override_without_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"finetune\.epochs=2"):
        load_config(write(tmp_path, "name: a\n"), ["finetune.epochs"])


def test_tandem_runs_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_RUNS", str(tmp_path / "elsewhere"))
    loaded = load_config(write(tmp_path, "name: a\nruns_dir: here\n"))
    assert loaded.config.runs_dir == tmp_path / "elsewhere"
    assert loaded.origin("runs_dir") == "variable TANDEM_RUNS"


def test_dumped_config_reads_back_equal(tmp_path: Path) -> None:
    config = load_config(CONFIGS[0]).config
    assert load_config(write(tmp_path, dump_config(config))).config == config
