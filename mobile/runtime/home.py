"""The names of one home: which lists the arguments of a call are looked up in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import ActionError
from .names import Entry, key

EXAMPLE = '{"area": ["kitchen", {"name": "living room", "aliases": ["lounge"]}], "HassStartTimer.name": null}'


class Home:
    """Lists of names by argument; `Function.argument` goes before `argument`, null means that any text will do.

    Raises ActionError where a list is not made of names, or names an argument that no function has: a slip there
    would switch a check off without a word.

    Example:
        home = Home({"area": ["kitchen", {"name": "living room", "aliases": ["lounge"]}]}, tools)
    """

    def __init__(self, values: Any, tools: Sequence[Mapping[str, Any]]) -> None:
        if not isinstance(values, dict):
            raise ActionError(f"The home is {values!r:.80}, not lists of names by argument, as in {EXAMPLE}")
        declared = {tool["name"]: set((tool.get("parameters") or {}).get("properties", {})) for tool in tools}
        known = set().union(*declared.values()) | {f"{name}.{own}" for name, all_ in declared.items() for own in all_}
        if unknown := sorted(map(str, values.keys() - known)):
            raise ActionError(
                f"The home lists names for {unknown[0]!r}, and no function of tools.json has that argument. "
                f"Arguments are {', '.join(sorted(set().union(*declared.values())))}, also as Function.argument."
            )
        self._lists = {where: None if names is None else _entries(names, where) for where, names in values.items()}

    @classmethod
    def load(cls, path: Path, tools: Sequence[Mapping[str, Any]]) -> Home:
        """Reads a JSON file; ActionError names it where it is wrong."""
        try:
            return cls(json.loads(path.read_text(encoding="utf-8")), tools)
        except (OSError, ValueError) as error:
            raise ActionError(f"{path} cannot be read as JSON ({error}).") from error
        except ActionError as error:
            raise ActionError(f"{path}: {error}") from error

    def names(self, function: str, argument: str) -> list[Entry] | None:
        """The list for an argument; None where any text will do."""
        special = f"{function}.{argument}"
        return self._lists[special] if special in self._lists else self._lists.get(argument)


def _entries(names: Any, where: str) -> list[Entry]:
    if not isinstance(names, list):
        raise ActionError(f"The home's {where!r} is {names!r:.80}, not a list of names, as in {EXAMPLE}")
    return [_entry(value, where) for value in names]


def _entry(value: Any, where: str) -> Entry:
    whole = value if isinstance(value, dict) else {"name": value}
    said = [whole.get("name"), *whole.get("aliases", [])] if isinstance(whole.get("aliases", []), list) else []
    keys = [key(name) if isinstance(name, str) else "" for name in said]
    if not keys or not all(keys) or set(whole) - {"name", "aliases"}:
        raise ActionError(
            f"The home's {where!r} holds {value!r:.80}, not a name with letters or digits "
            f"nor such a name with aliases, as in {EXAMPLE}"
        )
    return Entry(str(said[0]), tuple(keys))
