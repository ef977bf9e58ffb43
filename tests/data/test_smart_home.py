"""The smart-home data set: what every build promises, on a small one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from train.data.smart_home import TESTS, Row, SmartHome, _apart, build
from train.data.smart_home.grammar import load_newest
from train.data.smart_home.names import OWNERS, Pool, pool
from train.data.smart_home.near_misses import FILLERS as NEAR_FILLERS
from train.data.smart_home.none_wordings import FILLERS, wordings
from train.data.smart_home.sampler import Sampler, sample_rows
from train.data.smart_home.splits import known_and_new
from train.errors import UserError

NAMED = {"gadget", "place_room", "storey"}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def smart_home() -> SmartHome:
    return build(1500, 60, 60, seed=1)


def sentence(row: dict[str, Any]) -> str:
    return str(row["messages"][0]["content"])


def call(row: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(row["messages"][1]["content"]))


def test_counts_and_ids(smart_home: SmartHome) -> None:
    assert {name: len(rows) for name, rows in smart_home.splits.items()} == {
        "train": 1500, "val": 60, "t1": 60, "t2": 60, "t3": 60, "g2": 60, "none": 60,
    }  # fmt: skip
    assert smart_home.splits["t3"][6]["id"] == "t3-000007"


def test_no_test_sentence_is_learned_or_said_twice(smart_home: SmartHome) -> None:
    learned = {sentence(row).casefold() for name in ("train", "val") for row in smart_home.splits[name]}
    for name in TESTS:
        said = [sentence(row).casefold() for row in smart_home.splits[name]]
        assert len(said) == len(set(said)), name
        assert not learned & set(said), name
    train = {sentence(row).casefold() for row in smart_home.splits["train"]}
    assert not train & {sentence(row).casefold() for row in smart_home.splits["val"]}


def test_answers_are_canonical_json(smart_home: SmartHome) -> None:
    for rows in smart_home.splits.values():
        for row in rows:
            text = row["messages"][1]["content"]
            parsed = json.loads(text)
            assert list(parsed) == ["name", "arguments"]
            assert list(parsed["arguments"]) == sorted(parsed["arguments"])
            assert text == json.dumps(parsed, ensure_ascii=False, separators=(",", ":"))
            assert row["category"] == (parsed["name"] or "none")


def test_open_values_are_copied_from_the_sentence(smart_home: SmartHome) -> None:
    checked = 0
    for rows in smart_home.splits.values():
        for row in rows:
            for slot, value in row.get("open", {}).items():
                assert value in sentence(row)
                assert call(row)["arguments"][slot] == value
                checked += 1
    assert checked > 1000


def test_every_call_fits_its_tool(smart_home: SmartHome) -> None:
    tools = {tool["name"]: tool["parameters"] for tool in smart_home.tools}
    assert "HassRespond" not in tools
    assert len(tools) == 41
    for rows in smart_home.splits.values():
        for row in rows:
            made = call(row)
            if made["name"] is None:
                continue
            parameters = tools[made["name"]]
            assert set(made["arguments"]) <= set(parameters["properties"])
            assert set(parameters.get("required", [])) <= set(made["arguments"])
            for slot, value in made["arguments"].items():
                allowed = parameters["properties"][slot]
                assert "enum" not in allowed or value in allowed["enum"]
                assert allowed.get("type") != "integer" or type(value) is int


def names_of(made: Pool) -> set[str]:
    entries = [entry for names in (made.areas, made.floors, made.zones, *made.devices.values()) for entry in names]
    return {entry.text.casefold() for entry in entries}


def test_names_and_wordings_of_the_two_sides_are_disjoint() -> None:
    train, test = names_of(pool("train")), names_of(pool("test"))
    assert len(train) > 5000
    assert len(test) > 2000
    assert not train & test
    assert not set(OWNERS["train"]) & set(OWNERS["test"])
    for slot, sides in FILLERS.items():
        assert not set(sides["train"]) & set(sides["test"]), slot
    assert not {text.casefold() for text in wordings("train")} & {text.casefold() for text in wordings("test")}
    assert len(wordings("train")) >= 900
    for text in wordings("train"):
        assert not set(re.findall(r"\{(\w+)\}", text)) - set(FILLERS) - set(NEAR_FILLERS) - NAMED, text


def test_names_are_no_class_words() -> None:
    words = {
        "fan",
        "fans",
        "light",
        "lights",
        "lamp",
        "mower",
        "garage door",
        "bathroom fan",
        "door",
        "window",
        "curtain",
        "music",
        "switch",
    }
    rooms = {entry.text.casefold() for side in ("train", "test") for entry in pool(side).areas}
    for side in ("train", "test"):
        for names in pool(side).devices.values():
            for entry in names:
                assert entry.text.casefold() not in words
                assert not any(entry.text.casefold().startswith(f"{room} ") for room in rooms), entry


def test_every_slot_combination_keeps_a_training_template() -> None:
    known, new = known_and_new(load_newest())
    assert {template.group for template in new} <= {template.group for template in known}
    assert not {(t.group, t.text) for t in known} & {(t.group, t.text) for t in new}
    assert 0.15 < len(new) / (len(known) + len(new)) < 0.35


def test_t2_and_t3_use_held_out_templates_and_t1_does_not(smart_home: SmartHome) -> None:
    known, new = known_and_new(load_newest())
    known_keys, new_keys = {(t.intent, t.text) for t in known}, {(t.intent, t.text) for t in new}
    for name in ("t2", "t3"):
        assert all((row["category"], row["template"]) in new_keys for row in smart_home.splits[name])
    for name in ("train", "val", "t1"):
        rows = [row for row in smart_home.splits[name] if row["category"] != "none"]
        assert all((row["category"], row["template"]) in known_keys for row in rows)


def test_none_rows(smart_home: SmartHome) -> None:
    assert {row["messages"][1]["content"] for row in smart_home.splits["none"]} == {'{"name":null,"arguments":{}}'}
    none = [row for row in smart_home.splits["train"] if row["category"] == "none"]
    assert len(none) == 240  # 16 % of 1500
    assert len({row["template"] for row in none}) > 60
    test = {row["template"] for row in smart_home.splits["none"]}
    assert not test & {row["template"] for row in none}


def test_g2_is_in_the_newest_schema_and_unknown_to_training(smart_home: SmartHome) -> None:
    shapes = {(tool["name"], slot) for tool in smart_home.tools for slot in tool["parameters"]["properties"]}
    for row in smart_home.splits["g2"]:
        assert all((call(row)["name"], slot) in shapes for slot in call(row)["arguments"])
        assert call(row)["arguments"].get("name") != "all"
    assert len({row["category"] for row in smart_home.splits["g2"]}) > 5


def test_card_credits_sources_and_counts(smart_home: SmartHome) -> None:
    for text in (
        "Creative Commons Attribution 4.0",
        "Apache-2.0",
        "2024.8.7, 2025.6.23, 2025.12.2",
        "| HassTurnOn |",
        "1,500",
    ):
        assert text in smart_home.card


def test_a_split_does_not_depend_on_the_sizes_of_others() -> None:
    from random import Random

    _, new = known_and_new(load_newest())
    few = sample_rows(Sampler(new, "test", Random("1/t3")), 10, "test", 1)
    many = sample_rows(Sampler(new, "test", Random("1/t3")), 20, "test", 1)
    assert many[:10] == few


def test_impossible_size_is_a_user_error() -> None:
    nevermind = [template for template in load_newest() if template.intent == "HassNevermind"]
    from random import Random

    with pytest.raises(UserError, match=r"no 500 different sentences"):
        sample_rows(Sampler(nevermind, "train", Random(0)), 500, "train", 1)


DIGEST = """
import hashlib, json
from train.data.smart_home import build
made = build(120, 20, 6, seed=3)
print(hashlib.sha256(json.dumps([made.splits, made.tools, made.card]).encode()).hexdigest())
"""


def test_same_seed_same_bytes_whatever_the_hash_seed(smart_home: SmartHome) -> None:
    digests = set()
    for hash_seed in ("0", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", DIGEST], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout.strip())
    made = build(120, 20, 6, seed=3)
    digests.add(hashlib.sha256(json.dumps([made.splits, made.tools, made.card]).encode()).hexdigest())
    assert len(digests) == 1
    assert build(120, 20, 6, seed=4).splits["train"] != made.splits["train"]


def test_training_loses_the_sentences_of_a_test() -> None:
    def row(text: str) -> Row:
        return {"messages": [{"role": "user", "content": text}]}

    splits = {"train": [row("Lock up"), row("Sing")], "val": [row("lock up")], **{name: [] for name in TESTS}}
    splits["g2"] = [row("lock UP")]
    assert _apart(splits) == {"train": [row("Sing")], "val": []}
