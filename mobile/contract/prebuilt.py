"""What the vectors are made from: the folder of a shipped student, without its model loaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mobile.runtime.bundle import Bundle
from mobile.runtime.call_grammar import read_tools
from mobile.runtime.chat import Chat
from mobile.runtime.constraint import CallConstraint
from mobile.runtime.prompt import PromptTokenizer
from train.atomic import sha256_file

PREBUILT = Path(__file__).parents[1] / "prebuilt" / "small"


@dataclass(frozen=True)
class Prebuilt:
    """A shipped folder; ModelError where it is missing or damaged."""

    folder: Path = PREBUILT

    @cached_property
    def bundle(self) -> Bundle:
        return Bundle(self.folder)

    @cached_property
    def tokenizer(self) -> PromptTokenizer:
        return PromptTokenizer(self.folder / "tokenizer.json", self.bundle.start_id, self.bundle.stop_ids[0])

    @cached_property
    def tools(self) -> list[dict[str, Any]]:
        return read_tools(self.folder / "tools.json")

    @cached_property
    def chat(self) -> Chat:
        """The int8 file on LiteRT's Interpreter with one thread."""
        return Chat(self.folder, "int8", threads=1, runner="interpreter")

    @cached_property
    def constraints(self) -> dict[str, CallConstraint]:
        """By mode."""
        bundle, contents = self.bundle, self.tokenizer.contents
        return {
            mode: CallConstraint(self.tools, contents, bundle.vocab_size, bundle.stop_ids, mode == "substrings")
            for mode in ("schema", "substrings")
        }

    def sha256(self, *names: str) -> dict[str, str]:
        """File name to digest."""
        return {name: sha256_file(self.folder / name) for name in names}
