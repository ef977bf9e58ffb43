"""The folder for downloads and converted base models, shared by all runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """TANDEM_CACHE, else ~/.cache/tandem."""
    return Path(os.environ.get("TANDEM_CACHE") or Path.home() / ".cache" / "tandem")
