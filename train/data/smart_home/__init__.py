"""The default data set, "smart-home": a command in English → one function call.

Sampled from the intent grammar of Home Assistant: grammar.py reads the templates, walker.py makes
sentences of them, naturalness.py rejects what nobody says, splits.py keeps training and tests
apart, older.py and none_rows.py make the two tests from outside the grammar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

Row = dict[str, Any]
NONE_SHARE = 0.16
TESTS = ("t1", "t2", "t3", "g2", "none")


@dataclass
class SmartHome:
    """`splits`: train, val, t1, t2, t3, g2, none → chat rows; `tools`: function schemas; `card`: Markdown."""

    splits: dict[str, list[Row]]
    tools: list[dict[str, Any]]
    card: str


def build(
    train_rows: int,
    validation_rows: int,
    test_rows: int,
    seed: int,
    augment: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> SmartHome:
    """The whole data set; the same arguments give the same rows, byte for byte.

    Args:
        train_rows, validation_rows, test_rows: rows of train, of val, and of each of the five tests.
        seed: of all sampling. The split of the templates does not depend on it.
        augment: training and validation rows get fresh words in their names and other wordings.
        on_progress: called with (rows made, rows in all).

    Raises:
        UserError: an older wheel can't be fetched, or a split is larger than its wordings allow.
        MissingExtraError: hassil or home-assistant-intents is not installed.
    """
    _require_packages()
    from train.data.smart_home.card import data_card
    from train.data.smart_home.grammar import load_newest
    from train.data.smart_home.none_rows import none_rows
    from train.data.smart_home.older import older_rows
    from train.data.smart_home.sampler import Sampler, sample_rows
    from train.data.smart_home.splits import Role, known_and_new
    from train.data.smart_home.tools import tool_schemas

    newest = load_newest()
    known, new = known_and_new(newest)
    total, made = train_rows + validation_rows + 5 * test_rows, 0

    def advance(rows: int) -> None:
        nonlocal made
        made += rows
        if on_progress is not None:
            on_progress(made, total)

    def rng(part: str) -> Random:
        return Random(f"{seed}/{part}")  # a string seed: one stream a part, the same in every process

    def with_none(name: str, rows: int, copies: int) -> list[Row]:
        without = round(NONE_SHARE * rows)
        role: Role = "train" if name == "train" else "val"
        called = sample_rows(Sampler(known, "train", rng(name), augment), rows - without, role, copies, advance)
        mixed = called + none_rows(rng(f"{name}/none"), "train", without, role, copies, augment)
        advance(without)
        rng(f"{name}/order").shuffle(mixed)
        return mixed

    splits = {
        "train": with_none("train", train_rows, max(4, train_rows // 1000)),
        "val": with_none("val", validation_rows, max(1, validation_rows // 200)),
        "t1": sample_rows(Sampler(known, "test", rng("t1")), test_rows, "test", 1, advance),
        "t2": sample_rows(Sampler(new, "train", rng("t2")), test_rows, "test", 1, advance),
        "t3": sample_rows(Sampler(new, "test", rng("t3")), test_rows, "test", 1, advance),
        "g2": older_rows(rng("g2"), newest, test_rows, advance),
        "none": none_rows(rng("none"), "test", test_rows, None, 1),
    }
    advance(test_rows)
    splits |= _apart(splits)
    for name, rows in splits.items():
        splits[name] = [{**row, "id": f"{name}-{index:06d}"} for index, row in enumerate(rows, start=1)]
    return SmartHome(splits, tool_schemas(newest), data_card(splits, seed, len(known), len(new), NONE_SHARE))


def _require_packages() -> None:
    from importlib.util import find_spec

    from train.errors import MissingExtraError

    for library in ("hassil", "home_assistant_intents"):
        if find_spec(library) is None:
            raise MissingExtraError(library, "torch", "the smart-home data set")


def _apart(splits: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """train and val without the sentences of a test set: another wording of a training sentence can be one of G2, once
    in some hundred thousand."""
    tested = {_sentence(row) for name in TESTS for row in splits[name]}
    return {name: [row for row in splits[name] if _sentence(row) not in tested] for name in ("train", "val")}


def _sentence(row: Row) -> str:
    return str(row["messages"][0]["content"]).casefold()
