"""Where rows come from: the built-in smart-home set, the user's chat JSONL, or a Hugging Face data set."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train.config.schema import DataConfig, MixturePart
from train.data.chat_jsonl import ChatFile, Row, check_storable, read_chat_jsonl, stream_chat
from train.data.gate import prompts
from train.errors import UserError
from train.local_path import looks_local, missing
from train.progress import progress

SHUFFLED_AT_A_TIME = 10_000  # rows of a streamed data set


@dataclass(frozen=True)
class SourceRows:
    """Rows of every split ("train", "val" and the tests), function schemas and the text of the data card."""

    splits: dict[str, list[Row]]
    tools: list[dict[str, Any]] = field(default_factory=list)
    card: str = ""


@dataclass(frozen=True)
class Source:
    """Rows of the user's own: the key that names them, and what `datasets` is asked for where it reads them."""

    key: str
    name: str
    config: str | None
    split: str
    revision: str | None

    def __str__(self) -> str:
        asked = {"config": self.config, "split": self.split, "revision": self.revision}
        named = ", ".join(f"{name} {value!r}" for name, value in asked.items() if value is not None)
        return f"{self.key} {self.name!r} ({named})"


def load_rows(config: DataConfig, seed: int) -> SourceRows:
    """Rows of all splits as the config asks for them."""
    built_in = config.source == "smart-home" and not config.mixture
    found = _smart_home(config, seed) if built_in else _own_rows(config, seed)
    return found if config.tools is None else SourceRows(found.splits, _read_tools(config.tools), found.card)


def check_sources(config: DataConfig) -> None:
    """Raises UserError for what is wrong with the files that a config names and can be told without reading rows."""
    for found in _sources(config):
        key, source, path = found.key, found.name, Path(found.name).expanduser()
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


def _sources(config: DataConfig) -> Iterator[Source]:
    """Each source of rows but the built-in one."""
    for number, part in enumerate(config.mixture):
        if part.source == "smart-home":
            raise UserError(
                f"data.mixture.{number}.source can't be 'smart-home', which has splits of its own. Use it as "
                "data.source, without data.mixture."
            )
        yield _source(config, part, f"data.mixture.{number}.source")
    if not config.mixture and config.source != "smart-home":
        yield _source(config, MixturePart(source=config.source), "data.source")


def _source(config: DataConfig, part: MixturePart, key: str) -> Source:
    hub_config = part.hub_config or config.hub_config
    return Source(
        key, part.source, hub_config, part.hub_split or config.hub_split, part.hub_revision or config.hub_revision
    )


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
    rows, total, origin = _mixed(config, wanted, seed) if config.mixture else _shuffled(config, wanted, seed)
    validation, train = _validation_and_train(config, rows, total)
    if not train:
        raise UserError(f"{origin} There are {total} in all: too few to train and to validate on.")
    if not validation:
        raise UserError(
            f"{origin} All have the same prompt, so none can say what the others teach. Name rows with other prompts "
            "in data.validation."
        )
    tests = {
        name: read_chat_jsonl(Path(file).expanduser(), f"data.tests.{name}", config.test_rows)
        for name, file in config.tests.items()
    }
    return SourceRows({"train": train, "val": validation, **tests}, card=f"# Data\n\n{origin}\n")


def _validation_and_train(config: DataConfig, rows: list[Row], total: int) -> tuple[list[Row], list[Row]]:
    if config.validation:
        file = Path(config.validation).expanduser()
        return read_chat_jsonl(file, "data.validation", config.validation_rows), rows[: config.train_rows]
    # A tenth at most, so that a small file still trains on most of its rows.
    count = min(config.validation_rows, max(1, total // 10))
    validation, train = _split_by_prompt(rows[: count + config.train_rows], count)
    return validation, train[: config.train_rows]


def _split_by_prompt(rows: list[Row], count: int) -> tuple[list[Row], list[Row]]:
    """The first `count` rows and the others; rows with one prompt stay together, where they fit into the first part.

    Where none fit, the first part has rows of the rarest prompt: none only where there is a single prompt.
    """
    keys = [prompts(row)[0] for row in rows]
    sizes = Counter(keys)
    chosen, free = set(), count
    for key, size in sizes.items():  # in the order of the rows
        if size <= free:
            chosen.add(key)
            free -= size
    if not chosen and len(sizes) > 1:
        chosen.add(min(sizes, key=lambda key: sizes[key]))
    first = [row for row, key in zip(rows, keys, strict=True) if key in chosen]
    return first[:count], [row for row, key in zip(rows, keys, strict=True) if key not in chosen]


def _shuffled(config: DataConfig, wanted: int, seed: int) -> tuple[list[Row], int, str]:
    """Up to `wanted` rows of the one source by chance, how many it has, and a sentence about them."""
    (source,) = _sources(config)
    rows = _source_rows(config, source, wanted, seed)
    order = _order(len(rows), seed)
    return _taken(rows, order[:wanted]), len(rows), f"Rows of `{source.name}`."


def _order(count: int, seed: int | str) -> list[int]:
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return order


def _taken(rows: ChatFile | list[Row], numbers: Iterable[int]) -> list[Row]:
    return rows.rows(numbers) if isinstance(rows, ChatFile) else [rows[number] for number in numbers]


def _source_rows(config: DataConfig, source: Source, limit: int, seed: int) -> ChatFile | list[Row]:
    path = Path(source.name).expanduser()
    if path.suffix == ".jsonl":
        return ChatFile(path, source.key)
    return _hugging_face(source, config.streaming, limit, seed)


def _mixed(config: DataConfig, wanted: int, seed: int) -> tuple[list[Row], int, str]:
    """Up to `wanted` rows drawn from the parts of the mixture by weight, their number, and a sentence about them.

    It ends with the first part that runs out: going on would change the shares, starting over would repeat rows.
    """
    import datasets

    parts = [_source_rows(config, source, wanted, seed) for source in _sources(config)]
    # Row numbers are mixed, not rows: rows of different sources need not have the same columns.
    numbers: list[Any] = [
        datasets.Dataset.from_dict({"part": [n] * len(rows), "row": _order(len(rows), f"{seed}/{n}")})
        for n, rows in enumerate(parts)
    ]
    total = sum(part.weight for part in config.mixture)
    shares = [part.weight / total for part in config.mixture]
    drawn: Any = datasets.interleave_datasets(numbers, shares, seed=seed, stopping_strategy="first_exhausted")
    drawn = drawn[:wanted]
    pairs = list(zip(drawn["part"], drawn["row"], strict=True))
    queues = [iter(_taken(rows, [row for part, row in pairs if part == n])) for n, rows in enumerate(parts)]
    counts = [drawn["part"].count(n) for n in range(len(parts))]
    named = ", ".join(f"{count} of `{part.source}`" for count, part in zip(counts, config.mixture, strict=True))
    return [next(queues[n]) for n, _ in pairs], len(pairs), f"A mixture: {named} rows."


def _hugging_face(source: Source, streaming: bool, limit: int, seed: int) -> list[Row]:
    """Rows of a hub id or a local folder by chance, through `datasets`; streamed or whole."""
    import datasets

    # `datasets` takes "~" for the name of a folder, and "csv" without "./" for its own reader.
    name = os.path.expanduser(source.name)  # noqa: PTH111
    try:
        load: Any = datasets.load_dataset  # its overloads want literals
        data = load(name, source.config, split=source.split, revision=source.revision, streaming=streaming)
        if streaming:
            return stream_chat(
                enumerate(data.shuffle(seed, buffer_size=SHUFFLED_AT_A_TIME)), f"{source}, shuffled", limit
            )
        order = _order(len(data), seed)[:limit]
        return stream_chat(zip(order, data.select(order), strict=True), str(source), limit)
    except UserError:
        raise
    except Exception as error:  # `datasets` raises a dozen kinds, from its own to OSError
        for file in sorted(Path(name).rglob("*.jsonl")):
            read_chat_jsonl(file, source.key, 0)  # names the bad file and its lines, which `datasets` does not
        raise UserError(
            f"{source} can't be loaded: {_with_cause(error)}. It must be 'smart-home', a .jsonl file, a local folder "
            "with data files, or a Hugging Face data set that can be reached from here; of one with several "
            "configurations, data.hub_config names the one to load."
        ) from error


def _with_cause(error: BaseException) -> str:
    """What an error says, and the first of its causes: `datasets` names a bad file only there."""
    first = error
    while (cause := first.__cause__ or first.__context__) is not None:
        first = cause
    texts = dict.fromkeys(" ".join(str(found).split()).removesuffix(".") for found in (error, first))
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
