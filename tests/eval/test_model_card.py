"""Model cards: front matter that the Hub can read, figures of the result files, and no part in any hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from eval.model_card import write_cards
from eval.results import read_results
from tests.conftest import tiny_config
from tests.eval.golden import write_golden
from train.config import Config
from train.runs import RunFolder, digests


def written(tmp_path: Path, config: Config) -> tuple[RunFolder, dict[str, Any], str]:
    """The run, the front matter of its mobile card, and the text of that card."""
    write_golden(tmp_path / "golden")
    run = RunFolder(tmp_path / "golden")
    for folder in ("teacher", "mobile"):
        (run.path / folder).mkdir()
        (run.path / folder / "weights").write_text("w")
    paths = write_cards(run, config, read_results(run.eval))
    assert [Path(path).parent.name for path in paths] == ["teacher", "mobile"], "there is no student folder"
    text = (run.mobile / "README.md").read_text()
    front: dict[str, Any] = YAML(typ="safe").load(text.split("---\n")[1])
    return run, front, text


def test_card_says_what_was_measured(tmp_path: Path) -> None:
    _, front, text = written(tmp_path, tiny_config(tmp_path))
    assert front["library_name"] == "litert"
    assert front["license"] == "other", "of a model from elsewhere nothing is claimed"
    scores = {entry["dataset"]["name"]: entry["metrics"][0]["value"] for entry in front["model-index"][0]["results"]}
    assert scores["t3"] == 0.75  # 5 of 20 rows wrong
    assert "| student-tflite-int8 | t3 | 20 | 75.0 % " in text
    assert "10.0" in text  # MB


def test_default_model_names_base_and_licence(tmp_path: Path) -> None:
    run, front, text = written(tmp_path, Config(name="demo"))
    assert front["license"] == "apache-2.0"
    assert "not the published ones" in text
    assert "base_model: HuggingFaceTB/SmolLM2-135M-Instruct" in (run.teacher / "README.md").read_text()
    assert "base_model" not in front, "the student is no fine-tuning of it"


def test_cards_are_outside_the_hashes(tmp_path: Path) -> None:
    run, _, _ = written(tmp_path, tiny_config(tmp_path))
    assert list(digests(run.path, "teacher")) == ["teacher/weights"]
    (run.path / "run.json").touch()
    other = tmp_path / "elsewhere"
    assert list(digests(other, str(run.teacher))) == [str(run.teacher / "weights")], "another run's teacher"
    data = tmp_path / "data-set"
    data.mkdir()
    (data / "README.md").touch()
    assert list(digests(run.path, str(data))) == [str(data / "README.md")], "says which files the data are"
