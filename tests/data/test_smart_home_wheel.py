"""Fetching a wheel: cache, hash, and messages a user can act on. pip is replaced by a small fake."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from train.data import wheel
from train.errors import UserError

CONTENT = b"not a real wheel"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        if "missing==1.0" in command:
            return subprocess.CompletedProcess(command, 1, "", "WARNING: noise\nERROR: No matching distribution found")
        (Path(command[command.index("--dest") + 1]) / "thing-1.0-py3-none-any.whl").write_bytes(CONTENT)
        return subprocess.CompletedProcess(command, 0, "", "WARNING: noise")

    monkeypatch.setattr(wheel.subprocess, "run", run)
    monkeypatch.setenv("TANDEM_CACHE", str(tmp_path))
    return calls


def test_fetched_once_then_from_the_cache(pip: list[list[str]]) -> None:
    first = wheel.fetch_wheel("thing==1.0", SHA256)
    assert first.read_bytes() == CONTENT
    assert wheel.fetch_wheel("thing==1.0", SHA256) == first
    assert len(pip) == 1
    assert "--no-deps" in pip[0]


def test_a_damaged_file_in_the_cache_is_fetched_again(pip: list[list[str]]) -> None:
    wheel.fetch_wheel("thing==1.0", SHA256).write_bytes(b"damaged")
    assert wheel.fetch_wheel("thing==1.0", SHA256).read_bytes() == CONTENT
    assert len(pip) == 2


def test_wrong_hash_is_refused_and_not_kept(pip: list[list[str]], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"has sha256 {SHA256}, expected 00"):
        wheel.fetch_wheel("thing==1.0", "00")
    assert not list(tmp_path.rglob("*.whl"))


def test_pip_failure_names_the_reason_without_noise(pip: list[list[str]]) -> None:
    with pytest.raises(UserError, match=r"can't download missing==1.0: ERROR: No matching") as caught:
        wheel.fetch_wheel("missing==1.0", None)
    assert "noise" not in str(caught.value)


@pytest.mark.parametrize("requirement", ["thing", "thing>=1", "../thing==1.0", "--index-url==1"])
def test_only_pinned_names(requirement: str) -> None:
    with pytest.raises(UserError, match="NAME==VERSION"):
        wheel.fetch_wheel(requirement, None)
