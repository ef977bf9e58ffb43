"""Where rows come from: the built-in smart-home set, the user's chat JSONL, or a Hugging Face data set."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train.config.schema import DataConfig
from train.data.chat_jsonl import Row, check_storable, read_chat_jsonl, stream_chat
from train.errors import UserError
from train.local_path import looks_local, missing
from train.progress import progress


@dataclass(frozen=True)
class SourceRows:
    """Rows of every split ("train", "val" and the tests), function schemas and the text of the data card."""

    splits: dict[str, list[Row]]
    tools: list[dict[str, Any]] = field(default_factory=list)
    card: str = ""


def load_rows(config: DataConfig, seed: int) -> SourceRows:
    """Rows of all splits as the config asks for them."""
    built_in = config.source == "smart-home" and not config.mixture
    found = _smart_home(config, seed) if built_in else _own_rows(config, seed)
    return found if config.tools is None else SourceRows(found.splits, _read_tools(config.tools), found.card)


def check_sources(config: DataConfig) -> None:
    """Raises UserError for what is wrong with the files that a config names and can be told without reading rows."""
    for key, source in _sources(config):
        path = Path(source).expanduser()
        if path.suffix == ".jsonl":
            if not path.exists():
                raise missing(key, path)
        elif path.is_file():
            raise UserError(
                f"{key}: {path} is a file, but not .jsonl. Write it as one chat a line, FILE.jsonl, or name the "
                "folder that it lies in: `datasets` reads .json, .csv and .parquet there, all of the folder."
            )
        elif looks_local(source) and not path.exists():
            raise missing(key, path, "folder")
    rows = {"data.validation": config.validation, **{f"data.tests.{name}": file for name, file in config.tests.items()}}
    for key, file in rows.items():
        if file is not None and not Path(file).expanduser().exists():
            raise missing(key, Path(file).expanduser())
    if config.tools is not None:
        _read_tools(config.tools)


def _sources(config: DataConfig) -> Iterator[tuple[str, str]]:
    """Key and name of each source of rows but the built-in one."""
    for number, part in enumerate(config.mixture):
        if part.source == "smart-home":
            raise UserError(
                f"data.mixture.{number}.source can't be 'smart-home', which has splits of its own. Use it as "
                "data.source, without data.mixture."
            )
        yield f"data.mixture.{number}.source", part.source
    if not config.mixture and config.source != "smart-home":
        yield "data.source", config.source


def _smart_home(config: DataConfig, seed: int) -> SourceRows:
    from train.data.smart_home import build

    with progress("smart-home rows", config.train_rows, "rows") as meter:
        done = 0

        def advance(now: int, total: int) -> None:
            nonlocal done
            meter.set_total(total)
            meter.advance(now - done)
            done = now

        counts = (config.train_rows, config.validation_rows, config.test_rows)
        built = build(*counts, seed, config.augment, on_progress=advance)
    return SourceRows(built.splits, built.tools, built.card)


def _own_rows(config: DataConfig, seed: int) -> SourceRows:
    wanted = config.train_rows + (0 if config.validation else config.validation_rows)
    if config.mixture:
        rows, origin = _mixed(config, wanted, seed)
    else:
        rows, origin = _source_rows(config, "data.source", config.source, wanted), f"Rows of `{config.source}`."
        random.Random(seed).shuffle(rows)
    if config.validation:
        file = Path(config.validation).expanduser()
        validation = read_chat_jsonl(file, "data.validation")[: config.validation_rows]
        train = rows[: config.train_rows]
    else:
        # A tenth at most, so that a small file still trains on most of its rows.
        count = min(config.validation_rows, max(1, len(rows) // 10))
        validation, train = rows[:count], rows[count : count + config.train_rows]
    if not train:
        raise UserError(f"{origin} There are {len(rows)} in all: too few to train and to validate on.")
    tests = {
        name: read_chat_jsonl(Path(file).expanduser(), f"data.tests.{name}")[: config.test_rows]
        for name, file in config.tests.items()
    }
    return SourceRows({"train": train, "val": validation, **tests}, card=f"# Data\n\n{origin}\n")


def _source_rows(config: DataConfig, key: str, source: str, limit: int) -> list[Row]:
    path = Path(source).expanduser()
    return read_chat_jsonl(path, key) if path.suffix == ".jsonl" else _hugging_face(config, key, source, limit)


def _mixed(config: DataConfig, wanted: int, seed: int) -> tuple[list[Row], str]:
    """Up to `wanted` rows drawn from the parts of the mixture by weight, and a sentence about them.

    It ends with the first part that runs out: going on would change the shares, starting over would repeat rows.
    """
    import datasets

    parts = [_source_rows(config, key, source, wanted) for key, source in _sources(config)]
    for number, rows in enumerate(parts):
        random.Random(f"{seed}/{number}").shuffle(rows)
    # Row numbers are mixed, not rows: rows of different sources need not have the same columns.
    numbers: list[Any] = [
        datasets.Dataset.from_dict({"part": [n] * len(rows), "row": list(range(len(rows)))})
        for n, rows in enumerate(parts)
    ]
    total = sum(part.weight for part in config.mixture)
    shares = [part.weight / total for part in config.mixture]
    drawn: Any = datasets.interleave_datasets(numbers, shares, seed=seed, stopping_strategy="first_exhausted")
    drawn = drawn[:wanted]
    counts = [drawn["part"].count(n) for n in range(len(parts))]
    named = ", ".join(f"{count} of `{part.source}`" for count, part in zip(counts, config.mixture, strict=True))
    return [parts[n][row] for n, row in zip(drawn["part"], drawn["row"], strict=True)], f"A mixture: {named} rows."


def _hugging_face(config: DataConfig, key: str, source: str, limit: int) -> list[Row]:
    """Rows of a hub id or a local folder, through `datasets`; streamed or whole."""
    import datasets

    origin = f"{key} {source!r} (split {config.hub_split!r})"
    try:
        load: Any = datasets.load_dataset  # its overloads want literals
        data = load(source, split=config.hub_split, streaming=config.streaming)
    except Exception as error:  # `datasets` raises a dozen kinds, from its own to OSError
        for file in sorted(Path(source).expanduser().rglob("*.jsonl")):
            read_chat_jsonl(file, key)  # names the bad file and its lines, which `datasets` does not
        raise UserError(
            f"{origin} can't be loaded: {_with_cause(error)}. It must be 'smart-home', a .jsonl file, a local folder "
            "with data files, or a Hugging Face data set that can be reached from here."
        ) from error
    return stream_chat(iter(data), origin, limit)


def _with_cause(error: BaseException) -> str:
    """What an error says, and the first of its causes: `datasets` names a bad file only there."""
    first = error
    while (cause := first.__cause__ or first.__context__) is not None:
        first = cause
    texts = dict.fromkeys(str(found).strip().removesuffix(".") for found in (error, first))
    return ": ".join(texts)


def _read_tools(name: str) -> list[dict[str, Any]]:
    path = Path(name).expanduser()
    try:
        tools = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise missing("data.tools", path) from None
    except (OSError, ValueError) as error:
        raise UserError(f"data.tools: {path} can't be read as JSON ({error}). Correct it.") from None
    if not isinstance(tools, list) or not all(isinstance(tool, dict) and "name" in tool for tool in tools):
        raise UserError(f"data.tools: {path} must be a list of function schemas, each with a 'name'.")
    for number, tool in enumerate(tools):
        try:
            check_storable(tool)
        except ValueError as error:
            raise UserError(f"data.tools: {path}, function {number} ({tool['name']!r}): {error}.") from None
    return tools
