"""The same student on the three back ends and on two devices, each in a process of its own (child_backend.py)."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.keras_track.child_backend import B, batch

ROOT = Path(__file__).parents[2]
CASES = {"tensorflow": 1, "jax": 1, "torch": 1, "tensorflow-2": 2, "jax-2": 2}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Figures by case; all children run side by side, since most of their time is importing."""
    folder = tmp_path_factory.mktemp("back-ends")
    started = {}
    for case, devices in CASES.items():
        backend = case.partition("-")[0]
        if importlib.util.find_spec(backend) is None:
            continue
        started[case] = start("child_backend", backend, devices, folder / case)
    for case, child in started.items():
        _, errors = child.communicate()
        assert child.returncode == 0, f"{case}: {errors}"
    return {case: json.loads((folder / case).read_text()) for case in started}


def case(found: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    if name not in found:
        pytest.skip("jax is not installed: pip install -c constraints.txt -e '.[bench]'")
    return found[name]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_same_curve_as_tensorflow(found: dict[str, dict[str, Any]], backend: str) -> None:
    ours, theirs = np.array(case(found, backend)["figures"]), np.array(found["tensorflow"]["figures"])
    assert ours.shape == (50, 3)
    assert theirs[:5, 0].mean() > 1.2 * theirs[-5:, 0].mean()  # it learns, so the update counts
    assert np.abs(ours - theirs).max() < 1e-3  # loss, cross-entropy, gradient norm
    assert found[backend]["validation"] == pytest.approx(found["tensorflow"]["validation"], abs=1e-3)


@pytest.mark.slow
def test_each_in_its_own_stack(found: dict[str, dict[str, Any]]) -> None:
    assert found["tensorflow"]["class"] == "TensorFlowStep"
    assert found["tensorflow"]["xla"]
    assert "torch" not in found["tensorflow"]["loaded"]
    assert case(found, "jax")["class"] == "JaxStep"
    assert "tensorflow" not in found["jax"]["loaded"]
    assert found["torch"]["class"] == "TorchStep"
    assert "tensorflow" not in found["torch"]["loaded"]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_share_the_work_and_give_the_losses_of_one(found: dict[str, dict[str, Any]], backend: str) -> None:
    one, two = case(found, backend), case(found, f"{backend}-2")
    assert np.abs(np.array(one["figures"]) - np.array(two["figures"])).max() < 1e-5
    assert two["validation"] == pytest.approx(one["validation"], abs=1e-5)
    assert two["xla"]
    rows = batch(0)["token_ids"]
    assert len(two["rows"]) == len(two["copies"]) == 2
    halves = [two["rows"][device] for device in sorted(two["rows"])]
    assert halves == [rows[: B // 2].tolist(), rows[B // 2 :].tolist()]
    first, second = two["copies"].values()
    assert first == second  # after 50 steps both replicas still have the same weights


def start(module: str, *arguments: object) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("KERAS_BACKEND", "XLA_FLAGS")}
    environment["CUDA_VISIBLE_DEVICES"] = "-1"
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.keras_track.{module}", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_kill_9_and_go_on_bit_for_bit(tmp_path: Path, backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: pip install -c constraints.txt -e '.[bench]'")
    first = start("child_kill", backend, tmp_path)
    whole, errors = first.communicate()
    assert first.returncode == -signal.SIGKILL, errors
    assert json.loads(whole.splitlines()[-1])["steps"] == 16
    second = start("child_kill", backend, tmp_path)
    output, errors = second.communicate()
    assert second.returncode == 0, errors
    found = json.loads(output.splitlines()[-1])
    assert found["resumed_at"] == 10
    assert found["tensors"] == 11  # embeddings, last norm, 9 of the layer
    assert found["largest"] == 0.0
