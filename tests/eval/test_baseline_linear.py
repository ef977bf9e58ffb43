"""The linear baseline on a toy grammar with values that training never had."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from eval.baseline_linear import LinearBaseline, Sentence, train
from eval.number_words import Number, numbers

OBJECTS = ["reading lamp", "porch lantern", "fan", "heater", "old radio", "desk light", "kettle"]
NUMBER_WORDS = {20: "twenty", 55: "fifty five", 100: "one hundred", 7: "7", 30: "30"}


def call(function: str | None, **arguments: Any) -> str:
    return json.dumps({"name": function, "arguments": arguments}, separators=(",", ":"))


def row(text: str, answer: str, opened: dict[str, str] | None) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
    return {"messages": messages} | ({"open": opened} if opened is not None else {})


def rows(metadata: bool) -> list[dict[str, Any]]:
    rng, made = random.Random(0), []
    for _ in range(120):
        thing, colour, value = rng.choice(OBJECTS), rng.choice(["red", "blue"]), rng.choice(list(NUMBER_WORDS))
        opened = {"name": thing} if metadata else None
        made += [
            row(f"turn on the {thing}", call("On", name=thing), opened),
            row(f"please make the {thing} {colour}", call("Color", color=colour, name=thing), opened),
            row(f"set the {thing} to {NUMBER_WORDS[value]} percent", call("Set", level=value, name=thing), opened),
            row("what is the meaning of life", call(None), {} if metadata else None),
            row("stop everything", call("Stop", all=True), {} if metadata else None),
        ]
    return made


@pytest.fixture(scope="module")
def model() -> LinearBaseline:
    return train(rows(metadata=True), seed=1)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("turn on the Garden Sprinkler", call("On", name="Garden Sprinkler")),  # never seen; copied as written
        ("please make the xylophone blue", call("Color", color="blue", name="xylophone")),
        ("set the big tv to forty two percent", call("Set", level=42, name="big tv")),
        ("set the fan to 12.5 percent", call("Set", level=12.5, name="fan")),
        ("what is the meaning of life", call(None)),
        ("stop everything", call("Stop", all=True)),
    ],
)
def test_new_values_are_copied(model: LinearBaseline, text: str, answer: str) -> None:
    assert model.predict([text]) == [answer]


def test_rows_without_metadata() -> None:
    """Values found in the sentence count as open, colours too."""
    model = train(rows(metadata=False), seed=1)
    assert model.predict(["please make the xylophone blue"]) == [call("Color", color="blue", name="xylophone")]


def test_answers_are_canonical_json(model: LinearBaseline) -> None:
    odd = ["", "?!", "TURN ON", "über die Straße", "set the to percent", '"quoted" \\ text', "\u0000open"]
    for answer in model.predict(odd):
        parsed = json.loads(answer)
        assert list(parsed) == ["name", "arguments"]
        assert list(parsed["arguments"]) == sorted(parsed["arguments"])
        assert answer == json.dumps(parsed, ensure_ascii=False, separators=(",", ":"))
        assert "\\u0000" not in answer
    assert model.predict([]) == []


def test_saved_model_answers_the_same(model: LinearBaseline, tmp_path: Path) -> None:
    texts = [made["messages"][0]["content"] for made in rows(True)[:50]] + ["turn on the zebra crossing"]
    model.save(tmp_path / "baseline.model")
    assert LinearBaseline.load(tmp_path / "baseline.model").predict(texts) == model.predict(texts)
    assert [path.name for path in tmp_path.iterdir()] == ["baseline.model"]


def test_same_seed_same_model(model: LinearBaseline) -> None:
    again = train(rows(metadata=True), seed=1)
    assert (again._signatures.weights != model._signatures.weights).nnz == 0


def test_one_kind_of_call() -> None:
    model = train([row("stop", call("Stop"), {})] * 3, seed=1)
    assert model.predict(["stop", "anything"]) == [call("Stop")] * 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("set to twenty five percent", [Number(2, 4, 25)]),
        ("one hundred and five", [Number(0, 4, 105)]),
        ("a hundred", [Number(0, 2, 100)]),
        ("a lamp", []),
        ("twenty, three", [Number(0, 1, 20), Number(2, 3, 3)]),
        ("five minutes and thirty seconds", [Number(0, 1, 5), Number(3, 4, 30)]),
        ("fifteen six", [Number(0, 1, 15), Number(1, 2, 6)]),
        ("21.5 degrees", [Number(0, 1, 21.5)]),
        ("two hundred", [Number(0, 2, 200)]),
    ],
)
def test_numbers(text: str, expected: list[Number]) -> None:
    assert numbers(Sentence.of(text).words) == expected
