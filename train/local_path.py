"""Paths that a config names: which names are meant as one, and what is said where nothing is there."""

from __future__ import annotations

from pathlib import Path

from train.errors import UserError


def looks_local(source: str) -> bool:
    """Whether a name that may be a Hugging Face id is meant as a path."""
    return source.startswith(("/", "./", "../", "~"))


def missing(key: str, path: Path, what: str = "file") -> UserError:
    """The error for the config key `key` that names `path`."""
    here = "" if path.is_absolute() else f"; a relative one starts at the current folder, {Path.cwd()}"
    return UserError(f"{key}: there is no {what} {path}. Correct the path{here}.")
