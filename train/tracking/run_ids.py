"""tracking.json of a run folder: the ids under which W&B and trackio know its stages.

A stage that goes on after an interruption goes on in the same tracked run; a stage that had finished, or that begins
anew (another config, data or code: another fingerprint), gets a new one.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from train.atomic import write_json

NAME = "tracking.json"


def read_ids(folder: Path) -> dict[str, dict[str, Any]]:
    """Stage → {"id": …, "finished": bool, "fingerprint": …}; empty where nothing was tracked, or it is damaged."""
    try:
        ids = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return ids if isinstance(ids, dict) else {}


def begin(folder: Path, stage: str, fingerprint: str | None = None) -> tuple[str, bool]:
    """The id of the stage's tracked run, and whether that run goes on rather than begins."""
    ids = read_ids(folder)
    entry = ids.get(stage)
    if entry is not None and not entry["finished"] and entry.get("fingerprint") == fingerprint:
        return str(entry["id"]), True
    ids[stage] = {"id": secrets.token_hex(4), "finished": False, "fingerprint": fingerprint}
    write_json(folder / NAME, ids)
    return str(ids[stage]["id"]), False


def known_id(folder: Path, stage: str) -> str:
    """The id a replay of the stage goes under: that of the live run, so that the two never stand side by side."""
    ids = read_ids(folder)
    if stage not in ids:
        ids[stage] = {"id": secrets.token_hex(4), "finished": True}
        write_json(folder / NAME, ids)
    return str(ids[stage]["id"])


def finish(folder: Path, stage: str) -> None:
    """The stage is done: making it again will be another run."""
    ids = read_ids(folder)
    if stage in ids:
        ids[stage]["finished"] = True
        write_json(folder / NAME, ids)
