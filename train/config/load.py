"""Reads a YAML config: `extends`, `a.b=value` overrides, and every problem at once with where its value came from."""

from __future__ import annotations

import difflib
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from train.config.schema import CONFLICTS, Config
from train.errors import UserError

Model = TypeVar("Model", bound=BaseModel)
Origins = dict[str, str]  # dotted key → "file:line" or "override 'a.b=1'"


@dataclass(frozen=True)
class LoadedConfig:
    """A valid config and where each value that is not a default came from."""

    config: Config
    origins: Origins
    path: Path

    def origin(self, key: str) -> str:
        """Where a value came from; of a mapping's member (eval.sets.t3): where the mapping did."""
        return _origin(key, self.origins)


def load_config(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Reads `path` with everything it extends, applies overrides, validates.

    Args:
        path: YAML file.
        overrides: texts like "finetune.learning_rate=1e-4"; the value is read as YAML.

    Raises:
        UserError: lists all problems, each with dotted key, value, what was expected and its origin.
    """
    values, origins = _read(path, ())
    for override in overrides:
        _apply_override(values, origins, override)
    if runs_dir := os.environ.get("TANDEM_RUNS"):
        values["runs_dir"] = runs_dir
        origins["runs_dir"] = "variable TANDEM_RUNS"
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise UserError(_explain(error, origins, path)) from None
    return LoadedConfig(config, origins, path)


def read_checked(path: Path, model: type[Model], what: str) -> Model:
    """Any other YAML file as a model of its own, with the same messages; `what` says what it is ("gates file").

    Raises:
        UserError: lists all problems, each with dotted key, value, what was expected and its line.
    """
    node = _parse(path, model, what)
    origins: Origins = {}
    _note_lines(node, path, "", origins)
    try:
        return model.model_validate(plain(node))
    except ValidationError as error:
        raise UserError(_explain(error, origins, path, model, what)) from None


def _note_lines(node: Any, path: Path, prefix: str, origins: Origins) -> None:
    """Puts file and line of every key and list item below `node` into `origins`."""
    for key in node if isinstance(node, CommentedMap) else range(len(node)) if isinstance(node, CommentedSeq) else ():
        line = _line(node, key) if isinstance(node, CommentedMap) else node.lc.item(key)[0] + 1
        origins[f"{prefix}{key}"] = f"{path}:{line}"
        _note_lines(node[key], path, f"{prefix}{key}.", origins)


def dump_config(config: Config) -> str:
    """The config as YAML text that load_config reads back."""
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(config.model_dump(mode="json"), stream)
    return stream.getvalue()


def _read(path: Path, seen: tuple[Path, ...]) -> tuple[dict[str, Any], Origins]:
    if path.resolve() in seen:
        chain = " → ".join(str(p) for p in (*seen, path))
        raise UserError(f"The config extends itself: {chain}. Remove one 'extends'.")
    node = _parse(path)
    base = node.pop("extends", None)
    values: dict[str, Any] = {}
    origins: Origins = {}
    if base is not None:
        if not isinstance(base, str) or "\0" in base:
            raise UserError(f"'extends' in {path} must be the name of a YAML file, not {base!r}.")
        values, origins = _read(path.parent / base, (*seen, path.resolve()))
    _merge(values, origins, node, path, "")
    return values, origins


def parse_yaml(path: Path, what: str = "file") -> Any:
    """What a YAML file holds, with its lines. Raises UserError where it can't be read; `what` says what it is."""
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError as error:  # not UTF-8
        raise UserError(f"The {what} {path} can't be read: {error}.") from None
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.yaml")], n=1)
        hint = f" Did you mean {path.parent / near[0]}?" if near else ""
        raise UserError(f"No {what} at {path}.{hint}") from None
    except OSError as error:
        raise UserError(f"The {what} {path} can't be read: {error}.") from None
    try:
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise UserError(f"{path}:{line} is not valid YAML: {error.problem}.") from None
    except YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}.") from None
    except (ValueError, RecursionError) as error:  # a date or a number that is none; brackets in brackets
        raise UserError(f"{path} can't be read: {error}.") from None


def _parse(path: Path, model: type[BaseModel] = Config, what: str = "config") -> CommentedMap:
    node = parse_yaml(path, "config file" if what == "config" else what)
    if not isinstance(node, CommentedMap):
        found = "it is empty" if node is None else f"it holds a {'list' if isinstance(node, list) else 'single value'}"
        raise UserError(
            f"{path} is not a {what}: {found}, and a mapping with keys such as "
            f"{', '.join(list(model.model_fields)[:3])} was expected."
        )
    return node


def _merge(values: dict[str, Any], origins: Origins, node: Mapping[str, Any], path: Path, prefix: str) -> None:
    """Puts `node` over `values`, section by section; lists, scalars and mappings such as eval.sets replace."""
    for key, value in node.items():
        dotted = f"{prefix}{key}"
        line = _line(node, key) if isinstance(node, CommentedMap) else 0
        if isinstance(value, Mapping) and _fields_at(dotted.split(".")):
            inner = values.get(key)
            values[key] = inner if isinstance(inner, dict) else {}
            _merge(values[key], origins, value, path, f"{dotted}.")
        else:
            values[key] = plain(value)
        origins[dotted] = f"{path}:{line}"


def _line(node: CommentedMap, key: Any) -> int:
    """Line where a key is written, counted from 1: below the anchor if `<<: *anchor` brought it here."""
    if key in (node.lc.data or {}):
        return int(node.lc.key(key)[0]) + 1
    merged = [part for part in node.merge if key in part]
    return _line(merged[0], key) if merged else int(node.lc.line) + 1  # an !!omap knows only where it begins


def plain(value: Any) -> Any:
    """ruamel's round-trip scalars as the plain Python values they stand for."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _apply_override(values: dict[str, Any], origins: Origins, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(f"The override {override!r} is not of the form section.key=value, e.g. finetune.epochs=2.")
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError):
        value = text
    parts = key.split(".")
    if _is_text(_fields_at(parts[:-1]).get(parts[-1])) and isinstance(value, bool | int | float | date):
        value = text  # name=2026-11-27 is a name, whatever YAML takes it for
    inner = values
    for part in parts[:-1]:
        child = inner.setdefault(part, {})
        if not isinstance(child, dict):
            inner[part] = child = {}
        inner = child
    inner[parts[-1]] = value
    for replaced in [name for name in origins if name.startswith(f"{key}.")]:
        del origins[replaced]
    _note_override(value, key, f"override '{override}'", origins)


def _note_override(value: Any, key: str, origin: str, origins: Origins) -> None:
    origins[key] = origin
    for name, inner in value.items() if isinstance(value, dict) else ():
        _note_override(inner, f"{key}.{name}", origin, origins)


def _is_text(field: FieldInfo | None) -> bool:
    """Whether a key takes text (or a path), and at most null beside it."""
    annotation = None if field is None else field.annotation
    parts = get_args(annotation) if get_origin(annotation) is UnionType else (annotation,)
    return any(getattr(part, "__origin__", part) in (str, Path) for part in parts)


def _explain(
    error: ValidationError, origins: Origins, path: Path, model: type[BaseModel] = Config, what: str = "config"
) -> str:
    problems = [text for problem in error.errors(include_url=False) for text in _problems(problem, origins, model)]
    head = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return f"{head} in the {what} {path}:\n" + "\n".join(f"  {text}" for text in problems)


def _problems(problem: Any, origins: Origins, model: type[BaseModel]) -> list[str]:
    """One text, or one for each conflict: it says where each of its values came from."""
    if problem["type"] != CONFLICTS:
        return [_problem(problem, origins, model)]
    return [
        f"{message} ({'; '.join(f'{key}: {_origin(key, origins)}' for key in keys)})."
        for keys, message in problem["ctx"]["conflicts"]
    ]


def _problem(problem: Any, origins: Origins, model: type[BaseModel]) -> str:
    location = [str(part) for part in problem["loc"] if part != "[key]"]  # pydantic's word for a mapping's key itself
    dotted = ".".join(location)
    origin = _origin_of(location, origins)
    if problem["type"] == "extra_forbidden":
        known = list(_fields_at(location[:-1], model))
        near = difflib.get_close_matches(location[-1], known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}."
        return f"{dotted}: unknown key ({origin}); {hint}"
    if problem["type"] == "missing":
        above = _origin_of(location[:-1], origins)
        return f"{dotted}: missing{'' if above == 'default' else f' ({above})'}; add it to the file."
    expected = str(problem["msg"]).removeprefix("Value error, ")
    if not dotted:
        return expected
    if problem["type"] == "string_type":
        return f"{dotted}: {problem['input']} ({origin}); expected: text. Put the value in quotes."
    if problem["type"] == "model_type":
        known = list(_fields_at(location, model))
        return f"{dotted}: {problem['input']!r} ({origin}); expected: a section with the keys {', '.join(known)}."
    if problem["type"] == "dict_type":
        return f"{dotted}: {problem['input']!r} ({origin}); expected: a mapping, {{key: value}}."
    if isinstance(problem["input"], dict):  # of a section, files may each bring a part: no line is the one to blame
        where = f" ({origins[dotted]})" if dotted in origins and not _fields_at(location, model) else ""
        return f"{dotted}{where}: {expected}"
    return f"{dotted}: {problem['input']!r} ({origin}); expected: {expected[0].lower()}{expected[1:]}."


def _origin(key: str, origins: Origins) -> str:
    parts = key.split(".")
    while not (found := origins.get(".".join(parts))) and len(parts) > 1 and not _fields_at(parts[:-1]):
        parts.pop()
    return found or "default"


def _origin_of(location: Sequence[str], origins: Origins) -> str:
    """Origin of the key, of what an override set below it, or of the nearest section above it that has one."""
    dotted = ".".join(location)
    if dotted not in origins and (below := [name for name in origins if location and name.startswith(f"{dotted}.")]):
        return origins[below[0]]
    for end in range(len(location), 0, -1):
        if (origin := origins.get(".".join(location[:end]))) is not None:
            return origin
    return "default"


def _fields_at(location: Sequence[str], model: type[BaseModel] = Config) -> Mapping[str, FieldInfo]:
    for part in location:
        if part.isdigit():  # an item of a list of sections
            continue
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        section = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if section is None:
            return {}
        model = section
    return model.model_fields
