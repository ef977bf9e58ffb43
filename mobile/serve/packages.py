"""LiteRT.js from npm: installed once into mobile/web/node_modules, exactly as package-lock.json says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from mobile.node import find_npm
from mobile.serve.site import PAGE
from train.errors import UserError
from train.progress import say

COMMAND = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")
BY_HAND = f"npm {' '.join(COMMAND)} --prefix mobile/web"
LIMIT_S = 600.0


def packages() -> Path:
    """node_modules of the page with what its lock file names; runs `npm ci` where it is not there.

    Raises UserError, with the command to run by hand, where npm is missing or fails.
    """
    folder = PAGE / "node_modules"
    if not installed(folder):
        install()
    if not installed(folder):
        raise UserError(f"npm ended well, but {folder} lacks what package-lock.json names. Run it by hand: {BY_HAND}")
    return folder


def installed(folder: Path) -> bool:
    """Whether the packages of the lock file are there, in its versions."""
    lock = json.loads((PAGE / "package-lock.json").read_text(encoding="utf-8"))
    for name, entry in lock["packages"].items():
        description = folder.parent / name / "package.json"
        if name and (not description.is_file() or _version(description) != entry["version"]):
            return False
    return True


def _version(description: Path) -> str | None:
    try:
        return str(json.loads(description.read_text(encoding="utf-8"))["version"])
    except (ValueError, KeyError):
        return None


def install() -> None:
    """`npm ci` in mobile/web."""
    npm = find_npm()
    if npm is None:
        raise UserError(
            "The browser page needs LiteRT.js from npm, and npm is not on PATH. Install Node.js 20 or newer (or "
            f"pip install -c constraints.txt -e '.[web]'), then run the same command again, or: {BY_HAND}"
        )
    say("web: LiteRT.js is not here yet; installing it with npm (once, about 40 MB)")
    try:
        done = subprocess.run(
            [*npm, *COMMAND], cwd=PAGE, capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise UserError(
            f"npm was not done after {LIMIT_S:.0f} s. Is the network there? Run it by hand: {BY_HAND}"
        ) from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(f"npm ended with status {done.returncode} in {PAGE}: {said}. Run it by hand: {BY_HAND}")
