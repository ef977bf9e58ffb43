"""The gradient of a step is a function of its rows alone: not of micro-batches, packing or the number of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.torch_track.child_gradients import WAYS

ROOT = Path(__file__).parents[2]
Gradients = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def gradients(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Gradients]:
    """By file: way and rank."""
    folder = tmp_path_factory.mktemp("gradients")
    command = [sys.executable, "-m", "tests.torch_track.child_gradients", str(folder)]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True)
    return {path.stem: load_file(path) for path in folder.glob("*.safetensors")}


@pytest.mark.slow
@pytest.mark.parametrize("way", [name for name in WAYS if name != "8x1"])
def test_equal_to_fp32_rounding(gradients: dict[str, Gradients], way: str) -> None:
    expected = gradients["8x1 rank 0"]
    assert len(expected) == 2 * 9 + 2 + 1  # two layers, embedding and last norm, the loss
    largest = max(float(g.abs().max()) for g in expected.values())
    for rank in range(WAYS[way][2]):
        found = gradients[f"{way} rank {rank}"]
        assert set(found) == set(expected)
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name], gradient, atol=2e-6 * largest, rtol=1e-4)
