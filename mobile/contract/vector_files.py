"""The vector files: which there are, how they are written, and whether those in the checkout are the current ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from mobile.contract.action_vectors import action_vectors
from mobile.contract.constraint_vectors import constraint_vectors
from mobile.contract.damaged_vectors import damaged_vectors
from mobile.contract.drafter_vectors import drafter_vectors
from mobile.contract.golden_vectors import golden_vectors
from mobile.contract.prebuilt import Prebuilt
from mobile.contract.sampling_vectors import plan_vectors, sampler_vectors
from mobile.contract.text_vectors import chat_template_vectors, stream_vectors, tokenizer_vectors
from train.atomic import write_text

FORMAT = 1
VECTORS = Path(__file__).parent / "vectors"
COMMAND = "python -m mobile.contract"

BUILDERS: dict[str, Callable[[Prebuilt], dict[str, Any]]] = {
    "tokenizer": tokenizer_vectors,
    "chat_template": chat_template_vectors,
    "sampler": sampler_vectors,
    "constraint": constraint_vectors,
    "plan": plan_vectors,
    "stream": stream_vectors,
    "golden": golden_vectors,
    "drafter": drafter_vectors,
    "damaged": damaged_vectors,
    "actions": action_vectors,
}


def read_vectors(name: str, folder: Path = VECTORS) -> dict[str, Any]:
    """The contents of folder/NAME.json."""
    values: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="ascii"))
    return values


def write_vectors(prebuilt: Prebuilt, names: Collection[str], folder: Path = VECTORS) -> dict[str, int]:
    """Makes the files anew; bytes by name."""
    sizes = {}
    for name in names:
        text = vector_text(BUILDERS[name](prebuilt))
        write_text(folder / f"{name}.json", text)
        sizes[name] = len(text)
    return sizes


def stale_vectors(prebuilt: Prebuilt, names: Collection[str], folder: Path = VECTORS) -> list[str]:
    """Names of the files that are not what would be written now."""
    return [name for name in names if _current(folder / f"{name}.json") != vector_text(BUILDERS[name](prebuilt))]


def vector_text(values: dict[str, Any]) -> str:
    """One line a case, ASCII: readable in a diff, and safe in editors that act on invisible characters."""
    lines = []
    for key, value in ({"format": FORMAT} | values).items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{_json(key)}:[\n" + ",\n".join(map(_json, value)) + "\n]")
        else:
            lines.append(f"{_json(key)}:{_json(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _current(path: Path) -> str | None:
    return path.read_text(encoding="ascii") if path.is_file() else None
