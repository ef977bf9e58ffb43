"""FSDP2 on two processes: the figures of one process, sharded checkpoints, a plain teacher (child_fsdp.py does it)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.torch_track.child_fsdp import CLIP_NORM, CUT_AT
from train.config.schema import FinetuneConfig
from train.errors import UserError
from train.torch_track.sharding import shards_wanted

ROOT = Path(__file__).parents[2]
Runs = dict[str, Any]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    pytest.importorskip("peft", reason="of the extra torch")
    folder = tmp_path_factory.mktemp("fsdp")
    result = subprocess.run(
        [sys.executable, "-m", "tests.torch_track.child_fsdp", str(folder)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: Runs = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["", "adapter, "])
def test_the_curves_of_one_process(runs: Runs, kind: str) -> None:
    one, two = runs[f"{kind}one"], runs[f"{kind}two"]
    assert two["statuses"] == [0, 0], "a parameter was no DTensor, or a process failed"
    for figures in ("loss", "grad_norm", "eval"):
        assert two[figures].keys() == one[figures].keys()
        assert len(one[figures]) >= 2
        assert two[figures] == pytest.approx(one[figures], rel=1e-4), figures
    for key in ("steps", "best_step", "stopped_early", "parameters", "trained_parameters"):
        assert two["headline"][key] == one["headline"][key], key
    assert two["teacher"] == one["teacher"]
    assert two["samples"] == one["samples"] > 0


@pytest.mark.slow
def test_gradients_were_clipped(runs: Runs) -> None:
    """Else equal curves would not show that the norm is the one over all processes."""
    assert min(runs["two"]["grad_norm"].values()) > 2 * CLIP_NORM


@pytest.mark.slow
def test_compiled_layers_and_one_that_falls_back(runs: Runs) -> None:
    found = runs["compiled, two"]
    assert found["statuses"] == [0, 0], "another layer broke, or nothing was compiled"
    assert found["headline"]["compiled"]
    assert found["eval"] == pytest.approx(runs["one"]["eval"], rel=1e-4)


@pytest.mark.slow
def test_both_processes_stopped_early_and_took_the_best(runs: Runs) -> None:
    found = runs["adapter, two"]["headline"]
    assert found["stopped_early"]
    assert found["best_step"] < found["steps"] < found["planned_steps"]


@pytest.mark.slow
def test_a_bad_gradient_of_one_process_skips_the_step_on_both(runs: Runs) -> None:
    found = runs["skipping, two"]
    assert found["statuses"] == [0, 0]
    assert found["headline"]["skipped_steps"] == 1
    assert found["headline"]["steps"] == runs["two"]["headline"]["steps"]


@pytest.mark.slow
def test_each_process_writes_its_part(runs: Runs) -> None:
    shards = [f"shard-{n:05d}-model-00001-of-00001.safetensors" for n in (1, 2)]
    assert runs["2, files"] == [*shards, "state.json"]
    assert runs["1, files"] == ["model.safetensors", "optimizer.safetensors", "state.json"]


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 2), (2, 1), (1, 2)])
def test_a_killed_run_goes_on_with_as_many_processes_or_others(runs: Runs, before: int, after: int) -> None:
    assert runs[f"{before}, killed"] == [9] * before
    found, whole = runs[f"{before} to {after}"], runs["two"]
    assert found["statuses"] == [0] * after
    later = {step: loss for step, loss in whole["eval"].items() if int(step) > CUT_AT}
    assert later
    assert {step: found["eval"][step] for step in later} == pytest.approx(later, rel=1e-4)
    if before == after:
        assert found["sha256"] == whole["sha256"], "not the same bits"


def test_four_bits_are_refused() -> None:
    from accelerate import Accelerator

    settings = FinetuneConfig.model_validate({"parallel": "fsdp2", "adapter": {"type": "qlora"}})
    with pytest.raises(UserError, match=r"finetune\.parallel is 'fsdp2' and finetune\.adapter\.type 'qlora'"):
        shards_wanted(settings, Accelerator(cpu=True))


def test_a_share_of_the_first_weights_is_refused() -> None:
    from accelerate import Accelerator

    settings = FinetuneConfig.model_validate({"parallel": "fsdp2", "initial": "run:other", "initial_share": 0.5})
    with pytest.raises(UserError, match=r"finetune\.parallel is 'fsdp2' and finetune\.initial_share 0\.5"):
        shards_wanted(settings, Accelerator(cpu=True))
