"""The W&B workspace is built and read back without an account, and shows only figures that are logged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from train.config import Config
from train.errors import UserError
from train.tracking.bench import bench_figures
from train.tracking.workspace import bench_engines, save_workspace, workspaces

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def views(make_config: Callable[..., Config], finished_run: Path) -> list[dict[str, Any]]:
    pytest.importorskip("wandb_workspaces", reason="wandb-workspaces is not installed (extra track)")
    built = workspaces(make_config(), "acme", bench_engines(finished_run))
    return [json.loads(view._to_model().model_dump_json(by_alias=True)) for view in built]


def panels(view: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    sections = view["spec"]["section"]["panelBankConfig"]["sections"]
    return {section["name"]: section["panels"] for section in sections}


pytestmark = pytest.mark.filterwarnings("ignore:Pydantic V1 style")  # wandb-workspaces' own


def test_the_pipeline_view_shows_what_is_logged(views: list[dict[str, Any]], finished_run: Path) -> None:
    found = panels(views[0])
    assert list(found) == ["Quality", "Speed", "Size", "Loss on tokens", "Samples"]
    shown = {name for title in ("Quality", "Speed", "Size") for p in found[title] for name in p["config"]["metrics"]}
    logged = set(bench_figures(finished_run))
    assert logged <= shown
    assert {name.rsplit("/", 1)[1] for name in shown - logged} == {"params"}  # both engines of the fixture have none
    assert [panel["config"]["xAxis"] for panel in found["Loss on tokens"]] == ["train/tokens"] * 2
    assert "samples" in json.dumps(found["Samples"])


def test_one_view_puts_both_stacks_on_the_same_axes(views: list[dict[str, Any]]) -> None:
    (title,) = panels(views[1])
    assert title == "PyTorch (finetune) and Keras (distill) side by side"
    for panel in panels(views[1])[title]:
        (name,) = panel["config"]["metrics"]
        assert panel["config"]["groupBy"] == "jobType"
        group = name.split("/")[0]
        for track in ("torch_track", "keras_track"):  # the source of both writes this name, or names of its group
            text = "".join(path.read_text() for path in (REPOSITORY / "train" / track).glob("*.py"))
            assert re.search(rf'"{name}"|f"{group}/{{', text), (name, track)
    filters = json.dumps(views[1]["spec"]["section"]["runSets"][0]["filters"])
    assert "finetune" in filters
    assert "distill" in filters


def test_saving_needs_an_account(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb_workspaces", reason="wandb-workspaces is not installed (extra track)")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(UserError, match="wandb login"):
        save_workspace(finished_run)
