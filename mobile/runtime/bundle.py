"""bundle.json: what an exported folder holds and how it wants to be used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from .constraint import CONSTRAINTS, Constrain
from .errors import ModelError

FORMAT_VERSION = 1


class Bundle:
    """The checked contents of FOLDER/bundle.json.

    Raises ModelError where the folder is incomplete: a missing or truncated file is found here,
    by its size, and not as strange text later.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = folder = Path(folder)
        values = _read(folder / "bundle.json")
        if values.get("format_version") != FORMAT_VERSION:
            raise ModelError(
                f"{folder / 'bundle.json'} has format_version {values.get('format_version')!r}, this runtime reads "
                f"{FORMAT_VERSION}. Export again, or take the runtime that belongs to the folder."
            )
        try:
            self.files: dict[str, dict[str, Any]] = dict(values["files"])
            self.variants: dict[str, dict[str, Any]] = dict(values["variants"])
            self.window = int(values["window"])
            self.vocab_size = int(values["vocab_size"])
            self.stop_ids = [int(token) for token in values["stop_ids"]]
            self.start_id = int(values["start_id"])
            self.golden: dict[str, Any] = dict(values["golden"])
            self.tools_file: str | None = values["tools_file"]
            self.constrain: Constrain = values.get("constrain", "schema" if self.tools_file else "off")
            problem = self._problem()
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{folder / 'bundle.json'} is damaged ({error!r}). Copy the folder again.") from error
        if problem:
            raise ModelError(f"{folder / 'bundle.json'} is damaged ({problem}). Copy the folder again.")
        for name, entry in self.files.items():
            self._check_size(name, int(entry["bytes"]))

    def model_path(self, variant: str) -> Path:
        """The .tflite file of a variant; ModelError lists the variants there are."""
        if variant not in self.variants:
            raise ModelError(f"{self.folder} has no variant {variant!r}; it has {sorted(self.variants)}.")
        return self.folder / str(self.variants[variant]["file"])

    def default_variant(self) -> str:
        """int8 where there is one, else the first."""
        return "int8" if "int8" in self.variants else sorted(self.variants)[0]

    def check_hash(self, name: str) -> None:
        """ModelError where the file's sha256 is not the recorded one."""
        with (self.folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != self.files[name]["sha256"]:
            raise ModelError(
                f"{self.folder / name} is damaged: its sha256 is not the one in bundle.json. Copy it again."
            )

    def _problem(self) -> str | None:
        """What no export writes, where the types are right."""
        if self.window < 1 or self.vocab_size < 1:
            return f"window {self.window}, vocab_size {self.vocab_size}"
        special = [*self.stop_ids, self.start_id]
        if not self.stop_ids or not all(0 <= token < self.vocab_size for token in special):
            return f"stop_ids {self.stop_ids}, start_id {self.start_id} in a vocabulary of {self.vocab_size}"
        if self.constrain not in CONSTRAINTS:
            return f"constrain is {self.constrain!r}; known are {', '.join(CONSTRAINTS)}"
        used = ["tokenizer.json", *(entry["file"] for entry in self.variants.values())]
        used += [self.tools_file] if self.tools_file is not None else []
        if not self.variants or (unlisted := sorted(set(used) - set(self.files))):
            return f"{unlisted[0]!r} is not among its files" if self.variants else "it has no variants"
        outside = sorted(name for name in self.files if name != Path(name).name or "\\" in name)
        return f"{outside[0]!r} is not in the folder" if outside else None

    def _check_size(self, name: str, expected: int) -> None:
        path = self.folder / name
        if not path.is_file():
            raise ModelError(f"{path} does not exist. Copy the whole exported folder to the device.")
        if path.stat().st_size != expected:
            raise ModelError(
                f"{path} has {path.stat().st_size:,} bytes, bundle.json says {expected:,}: it is truncated or of "
                "another export. Copy the whole folder again."
            )


def _read(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist: {path.parent} is no exported folder (mobile/ of a run).") from None
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}). Name a readable folder (mobile/ of a run), not a file in it."
        ) from error
    except ValueError as error:
        raise ModelError(f"{path} is not JSON ({error}). Copy the folder again.") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path} is damaged (it holds no object). Copy the folder again.")
    return values
