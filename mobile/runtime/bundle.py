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
            self.files = {name: _file_entry(name, entry) for name, entry in values["files"].items()}
            self.variants: dict[str, dict[str, Any]] = dict(values["variants"])
            self.window = _whole(values["window"], "window")
            self.vocab_size = _whole(values["vocab_size"], "vocab_size")
            self.stop_ids = _ids(values["stop_ids"], "stop_ids", self.vocab_size)
            self.start_id = _ids([values["start_id"]], "start_id", self.vocab_size)[0]
            self.golden: dict[str, Any] = dict(values["golden"])
            self.tools_file: str | None = values["tools_file"]
            self.constrain: Constrain = values.get("constrain", "schema" if self.tools_file else "off")
            problem = self._problem() or self._golden_problem()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{folder / 'bundle.json'} is damaged ({error!r}). Copy the folder again.") from error
        if problem:
            raise ModelError(f"{folder / 'bundle.json'} is damaged ({problem}). Copy the folder again.")
        for name, entry in self.files.items():
            self._check_size(name, entry["bytes"])

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
        if self.constrain not in CONSTRAINTS:
            return f"constrain is {self.constrain!r}; known are {', '.join(CONSTRAINTS)}"
        used = ["tokenizer.json", *(entry["file"] for entry in self.variants.values())]
        used += [self.tools_file] if self.tools_file is not None else []
        if not self.variants or (unlisted := sorted(set(used) - set(self.files))):
            return f"{unlisted[0]!r} is not among its files" if self.variants else "it has no variants"
        outside = sorted(name for name in self.files if name != Path(name).name or "\\" in name)
        return f"{outside[0]!r} is not in the folder" if outside else None

    def _golden_problem(self) -> str | None:
        messages = self.golden["messages"]
        texts = [text for message in messages for text in (message["role"], message["content"])]
        if not isinstance(messages, list) or not messages or not all(isinstance(text, str) for text in texts):
            return f"golden.messages is {messages!r:.80}"
        _ids(self.golden["prompt_ids"], "golden.prompt_ids", self.vocab_size)
        if missing := sorted(set(self.variants) - set(self.golden["first_ids"])):
            return f"golden.first_ids has none of the variant {missing[0]!r}"
        for variant in self.variants:
            _ids(self.golden["first_ids"][variant], f"golden.first_ids.{variant}", self.vocab_size, least=0)
        return None

    def _check_size(self, name: str, expected: int) -> None:
        path = self.folder / name
        if not path.is_file():
            raise ModelError(f"{path} does not exist. Copy the whole exported folder to the device.")
        if path.stat().st_size != expected:
            raise ModelError(
                f"{path} has {path.stat().st_size:,} bytes, bundle.json says {expected:,}: it is truncated or of "
                "another export. Copy the whole folder again."
            )


def _whole(value: Any, where: str) -> int:
    if type(value) is not int:
        raise ValueError(f"{where} is {value!r:.80}, not a whole number")
    return value


def _ids(value: Any, where: str, vocab_size: int, least: int = 1) -> list[int]:
    """At least so many token ids."""
    if not isinstance(value, list) or len(value) < least:
        raise ValueError(f"{where} is {value!r:.80}, not a list of token ids")
    if wrong := [token for token in value if not 0 <= _whole(token, where) < vocab_size]:
        raise ValueError(f"{where} holds {wrong[0]}, outside the vocabulary of {vocab_size}")
    return list(value)


def _file_entry(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    _whole(entry["bytes"], f"bytes of {name}")
    if not isinstance(entry["sha256"], str):
        raise ValueError(f"sha256 of {name} is {entry['sha256']!r:.80}, not a text")
    return entry


def _read(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist: {path.parent} is no exported folder (mobile/ of a run).") from None
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}). Name a readable folder (mobile/ of a run), not a file in it."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON ({error}). Copy the folder again.") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path} is damaged (it holds no object). Copy the folder again.")
    return values
