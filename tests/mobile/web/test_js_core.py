"""mobile/web/core in Node: the vectors of mobile/contract, and cases made up here against Python's libraries."""

from __future__ import annotations

import json
import random
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from mobile.node import find_node
from mobile.runtime import CallConstraint, Sampler
from tests.mobile.call_tools import STOP, TEXTS, TOOLS, byte_level

HERE = Path(__file__).parent
SUITES = sorted(path.name for path in HERE.glob("*.test.js"))
SHIPPED = HERE.parents[2] / "mobile" / "prebuilt" / "small" / "tokenizer.json"
PIECES = [
    *(
        " ",
        "  ",
        "\n",
        "\u0085",
        "\ufeff",
        "\u00a0",
        "\u001c",
        "\u200d",
        "a",
        "Ab",
        "'ll",
        "don't",
        "é",
        "e\u0301",
        "ß",
    ),
    *("12", "٣", "१", "½", "Ⅳ", "漢字", "👩‍👩‍👧", "<|im_end|>", "—", "_"),
]


def node(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = find_node()
    if command is None:
        pytest.skip("node is not installed: pip install -c constraints.txt -e '.[web]'")
    return subprocess.run(
        [*command, *arguments], cwd=HERE, input=given, capture_output=True, encoding="utf-8", timeout=120, check=False
    )


def in_javascript(kind: str, **given: Any) -> Any:
    done = node("compare.js", given=json.dumps({"kind": kind, **given}))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("suite", SUITES)
def test_suite(suite: str) -> None:
    done = node("--test", "--test-reporter=tap", suite)
    failed = re.findall(r"^not ok \d+ - (.+)$", done.stdout, flags=re.MULTILINE)
    passed = re.findall(r"^ok \d+ - (.+)$", done.stdout, flags=re.MULTILINE)
    assert not failed, f"{suite}: {'; '.join(failed)}\n{done.stdout[-4000:]}"
    assert done.returncode == 0, done.stdout + done.stderr
    assert passed, f"{suite} ran no test"


def test_the_suites_of_the_core_are_found() -> None:
    names = {suite.removesuffix(".test.js") for suite in SUITES}
    assert names >= {"actions", "bundle", "chat", "choice", "constraint", "drafter", "text"}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"normalizer": {"type": "NFC"}},
        {"pre_tokenizer": ["Digits", True]},
        {"pre_tokenizer": ["Digits", False]},
        {"ignore_merges": True},
        {"add_prefix_space": True},
    ],
    ids=lambda change: "-".join(map(str, change)) or "as shipped",
)
def test_tokenizers_of_other_models(change: dict[str, Any]) -> None:
    """SmolLM2 splits digits one by one, Qwen normalises: the Rust library is the judge."""
    contents = json.loads(SHIPPED.read_text(encoding="utf-8"))
    contents["normalizer"] = change.get("normalizer")
    contents["model"]["ignore_merges"] = change.get("ignore_merges", False)
    step = contents["pre_tokenizer"] | {"add_prefix_space": change.get("add_prefix_space", False)}
    if "pre_tokenizer" in change:
        digits = {"type": "Digits", "individual_digits": change["pre_tokenizer"][1]}
        step = {"type": "Sequence", "pretokenizers": [digits, step]}
    contents["pre_tokenizer"] = step
    choose = random.Random(1)
    texts = ["".join(choose.choices(PIECES, k=choose.randint(1, 12))) for _ in range(300)]
    judge = Tokenizer.from_str(json.dumps(contents | {"added_tokens": []}))
    for text, ids in zip(texts, in_javascript("encode", tokenizer=contents, texts=texts), strict=True):
        assert ids == judge.encode(text, add_special_tokens=False).ids, repr(text)


def test_numbers_are_written_as_python_writes_them() -> None:
    written = "20 20.0 1e3 1E-5 0.00001 0.1 -0 -0.0 1e16 1e15 1.5e-7 100 2.50 1e300 0.0001 123456789012345680"
    written += " 12345678901234567890"
    texts = [f'{{"b":[{number},"1.0 \\" 2e3"],"é":null,"a":{number}}}' for number in written.split()]
    texts += ['{"\\ud83d\\ude42":1,"\\uffff":2,"Z":true}', '"\\u007f\\u0001\\n/"']  # sorted by code point
    style = {"ensure_ascii": False, "separators": (",", ":"), "sort_keys": True}
    assert in_javascript("canonical", texts=texts) == [json.dumps(json.loads(text), **style) for text in texts]


WIDE: list[dict[str, Any]] = [
    {
        "name": 'say "é"',
        "parameters": {
            "$defs": {"level": {"type": "integer", "exclusiveMinimum": -3, "maximum": 250}},
            "properties": {
                "float": {"type": "number", "minimum": -2.5, "exclusiveMaximum": 1e-3},
                "level": {"$ref": "#/$defs/level"},
                "one": {"enum": [20.0, 1, 'a"b', None, 1e-5, {"b": 1, "a": [True]}]},
                "short": {"type": "array", "items": {"type": "string", "maxLength": 4}, "minItems": 1},
                "some": {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
                "anything": {},
                "ü": {"anyOf": [{"type": "boolean"}, {"type": "string", "minLength": 2}]},
            },
            "required": ["level"],
        },
    },
    *TOOLS,
]


@pytest.mark.parametrize("substrings", [False, True], ids=["schema", "substrings"])
def test_constraint_on_every_keyword(substrings: bool) -> None:
    """Allowed ids, bounds and choices of random answers, one constraint for all: as Python's, step by step.

    The vocabulary has tokens that cross the borders of keys, strings and characters.
    """
    contents = byte_level()
    vocab_size = max(contents["model"]["vocab"].values()) + 1
    numbers = np.random.default_rng(5)
    asked = [*TEXTS, "", "日本語 テスト 5", ' "kitchen\tlamp" ', "x"]
    walks = [
        {
            "text": asked[index % len(asked)],
            "budget": budget,
            "logits": numbers.random((budget, vocab_size), np.float32),
        }
        for index, budget in enumerate([3, 45, 20, 8, 30] * 5)
    ]
    constraint = CallConstraint(WIDE, contents, vocab_size, [STOP], substrings=substrings)
    sent = [walk | {"logits": walk["logits"].astype(float).tolist()} for walk in walks]
    names = {"tools": json.dumps(WIDE), "tokenizer": contents, "vocab_size": vocab_size, "stop_ids": [STOP]}
    got = in_javascript("walks", **names, substrings=substrings, walks=sent)
    for walk, answer in zip(walks, got, strict=True):
        sampler = constraint.sampler(Sampler(), walk["text"], walk["budget"])
        for step, (allowed, left, chosen) in enumerate(answer["steps"]):
            where = f"{walk['text']!r}, step {step}"
            assert allowed == np.flatnonzero(constraint.mask(sampler.state)).tolist(), where
            assert left == constraint.left(sampler.state), where
            assert chosen == sampler(walk["logits"][step]), where
        assert (answer["refused"], answer["squeezed"]) == (sampler.refused, sampler.squeezed)
    assert any(answer["steps"][-1][2] == STOP for answer in got)
    assert {answer["squeezed"] for answer in got} == {False, True}
