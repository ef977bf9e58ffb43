"""A run that goes on with another number of processes: the same loss curve as one that was left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from train.config import Config
from train.config.load import dump_config
from train.data import STAGE as DATA
from train.runs import open_run
from train.stage import run_stage

ROOT = Path(__file__).parents[2]
# Dies like a killed process right after the checkpoint of this step.
DIE = """
import os, sys
from train.torch_track.job import Job
real = Job.save_checkpoint
def save(job):
    real(job)
    job.accelerator.wait_for_everyone()
    if job.state.step == 7:
        os._exit(9)
Job.save_checkpoint = save
from train.command import stage_main
from train.torch_track import STAGE
sys.exit(stage_main(STAGE, sys.argv[1:]))
"""

# Compiling works on process 0, where it is a matter of form here, and not on the other.
COMPILES_ON_ONE = """
import os, sys, torch
from train.torch_track import compiling, loop
torch.nn.Module.compile = lambda layer, **_: None
loop.decide = lambda *_: True
if os.environ["RANK"] == "1":
    compiling.shutil.which = lambda _: None
from train.command import stage_main
from train.torch_track import STAGE
sys.exit(stage_main(STAGE, sys.argv[1:]))
"""


def start(config: Config, folder: Path, processes: int, port: int, program_text: str | None = None) -> int:
    """Exit status of a fine-tuning as torchrun would start it."""
    path = folder / f"{config.name}.yaml"
    path.write_text(dump_config(config))
    program = ["-m", "train.torch_track"]
    if program_text is not None:
        (folder / "program.py").write_text(program_text)
        program = [str(folder / "program.py")]
    base = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT)}
    if processes == 1:
        return subprocess.run([sys.executable, *program, str(path)], cwd=ROOT, env=base, check=False).returncode
    rendezvous = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = [
        subprocess.Popen(
            [sys.executable, *program, str(path)],
            cwd=ROOT,
            env=base | rendezvous | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(processes)
    ]
    return max(process.wait(timeout=200) for process in ranks)


def losses(config: Config) -> dict[int, float]:
    """Logged loss by step; a step that was made again counts as it was at last."""
    lines = [json.loads(line) for line in (open_run(config).path / "metrics.jsonl").read_text().splitlines()]
    return {line["train/step"]: line["train/loss"] for line in lines if "train/loss" in line}


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_a_run_goes_on_with_another_number_of_processes(
    make_config: Callable[..., Config], tmp_path: Path, before: int, after: int
) -> None:
    settings = {"batch_size": 4, "micro_batch_size": 2, "epochs": 5, "save_every": 7, "keep_best": False}
    whole = make_config(finetune=settings).model_copy(update={"name": "whole"})
    cut = whole.model_copy(update={"name": "cut"})
    for config in (whole, cut):
        run_stage(DATA, config)
    assert start(whole, tmp_path, 1, 0) == 0
    port = 29540 + before
    assert start(cut, tmp_path, before, port, DIE) == 9
    assert (open_run(cut).path / "checkpoints" / "finetune" / "step-000007").exists()
    assert start(cut, tmp_path, after, port) == 0
    expected, found = losses(whole), losses(cut)
    assert max(expected) > 10, "no step after the change"
    assert found.keys() >= {step for step in expected if step > 10}
    for step, loss in expected.items():
        if step in found and step != 10:  # the interval of step 10 was cut in two
            assert found[step] == pytest.approx(loss, rel=1e-4), step


@pytest.mark.slow
def test_two_processes_keep_a_share_of_the_first_weights(make_config: Callable[..., Config], tmp_path: Path) -> None:
    """The mean by hand."""
    settings = {"batch_size": 4, "micro_batch_size": 2, "epochs": 0.5, "keep_best": False, "learning_rate": 1e-2}
    first = make_config(finetune=settings)
    run_stage(DATA, first)
    assert start(first, tmp_path, 1, 0) == 0
    weights = [load_file(open_run(first).teacher / "model.safetensors")]
    for share in (0.0, 0.25):
        changes = first.finetune.model_copy(update={"initial": f"run:{first.name}", "initial_share": share})
        config = first.model_copy(update={"name": f"share-{share:g}", "finetune": changes})
        run_stage(DATA, config)
        assert start(config, tmp_path, 2, 29547) == 0
        weights.append(load_file(open_run(config).teacher / "model.safetensors"))
    begin, end, mixed = weights
    for name, value in mixed.items():
        torch.testing.assert_close(value, 0.25 * begin[name] + 0.75 * end[name], atol=1e-5, rtol=1e-4, msg=name)


@pytest.mark.slow
def test_a_process_that_cannot_compile_does_not_stop_the_others(
    make_config: Callable[..., Config], tmp_path: Path
) -> None:
    settings = {"batch_size": 4, "micro_batch_size": 2, "epochs": 1, "compile": "auto", "keep_best": False}
    alone = make_config(finetune=settings).model_copy(update={"name": "alone"})
    mixed = alone.model_copy(update={"name": "mixed"})
    for config in (alone, mixed):
        run_stage(DATA, config)
    assert start(alone, tmp_path, 1, 0) == 0
    assert start(mixed, tmp_path, 2, 29549, COMPILES_ON_ONE) == 0
    expected, found = losses(alone), losses(mixed)
    assert found.keys() == expected.keys()
    assert [found[step] for step in expected] == pytest.approx(list(expected.values()), rel=1e-4)
    assert open_run(mixed).stage_record("finetune")["headline"]["compiled"]
