"""Where rows come from: the built-in smart-home set, the user's chat JSONL, or a Hugging Face data set."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train.config.schema import DataConfig
from train.data.chat_jsonl import Row, check_storable, read_chat_jsonl, stream_chat
from train.errors import UserError
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
    return found if config.tools is None else SourceRows(found.splits, _read_tools(Path(config.tools)), found.card)


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
        rows, origin = _source_rows(config, config.source, wanted), f"Rows of `{config.source}`."
        random.Random(seed).shuffle(rows)
    if config.validation:
        validation = read_chat_jsonl(Path(config.validation).expanduser())[: config.validation_rows]
        train = rows[: config.train_rows]
    else:
        # A tenth at most, so that a small file still trains on most of its rows.
        count = min(config.validation_rows, max(1, len(rows) // 10))
        validation, train = rows[:count], rows[count : count + config.train_rows]
    if not train:
        raise UserError(f"{origin} There are {len(rows)} in all: too few to train and to validate on.")
    tests = {name: read_chat_jsonl(Path(file).expanduser())[: config.test_rows] for name, file in config.tests.items()}
    return SourceRows({"train": train, "val": validation, **tests}, card=f"# Data\n\n{origin}\n")


def _source_rows(config: DataConfig, source: str, limit: int) -> list[Row]:
    path = Path(source).expanduser()
    return read_chat_jsonl(path) if path.suffix == ".jsonl" else _hugging_face(config, source, limit)


def _mixed(config: DataConfig, wanted: int, seed: int) -> tuple[list[Row], str]:
    """Up to `wanted` rows drawn from the parts of the mixture by weight, and a sentence about them.

    It ends with the first part that runs out: going on would change the shares, starting over would repeat rows.
    """
    import datasets

    if any(part.source == "smart-home" for part in config.mixture):
        raise UserError("data.mixture can't hold 'smart-home', which has splits of its own. Use it as data.source.")
    parts = [_source_rows(config, part.source, wanted) for part in config.mixture]
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


def _hugging_face(config: DataConfig, source: str, limit: int) -> list[Row]:
    """Rows of a hub id or a local folder, through `datasets`; streamed or whole."""
    import datasets

    origin = f"data source {source!r} (split {config.hub_split!r})"
    try:
        load: Any = datasets.load_dataset  # its overloads want literals
        data = load(source, split=config.hub_split, streaming=config.streaming)
    except Exception as error:  # `datasets` raises a dozen kinds, from its own to OSError
        raise UserError(
            f"{origin} can't be loaded: {error}. It must be 'smart-home', a .jsonl file, a local folder with data "
            "files, or a Hugging Face data set that can be reached from here."
        ) from error
    return stream_chat(iter(data), origin, limit)


def _read_tools(path: Path) -> list[dict[str, Any]]:
    try:
        tools = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"data.tools: there is no file {path}.") from None
    except ValueError as error:
        raise UserError(f"data.tools: {path} is not JSON ({error}).") from None
    if not isinstance(tools, list) or not all(isinstance(tool, dict) and "name" in tool for tool in tools):
        raise UserError(f"data.tools: {path} must be a list of function schemas, each with a 'name'.")
    for number, tool in enumerate(tools):
        try:
            check_storable(tool)
        except ValueError as error:
            raise UserError(f"data.tools: {path}, function {number} ({tool['name']!r}): {error}.") from None
    return tools
