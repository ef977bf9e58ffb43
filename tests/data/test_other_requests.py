"""Requests to other assistants: none of them is asked by a test, none touches a smart home."""

from __future__ import annotations

import re

from eval.bfcl import bfcl_rows
from train.data.smart_home.none_wordings import wordings
from train.data.smart_home.other_requests import LONGEST, other_requests


def plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().casefold()


def test_no_test_asks_them() -> None:
    asked = {plain(text) for text in wordings("test")}
    for name, count in (("bfcl_simple", 400), ("bfcl_irrelevance", 240)):
        rows = bfcl_rows(name, count)
        asked |= {plain(row["messages"][-2]["content"].split("Question: ")[-1]) for row in rows}
    assert len(asked) > 700
    assert not asked & {plain(text) for text in other_requests()}


def test_they_are_many_short_and_about_something_else() -> None:
    texts = other_requests()
    assert len(texts) == len({plain(text) for text in texts}) > 500
    assert max(map(len, texts)) <= LONGEST
    home = re.compile(r"\b(lights?|lamp|thermostat|volume|timer|vacuum|blinds|shopping list|weather)\b", re.IGNORECASE)
    assert [text for text in texts if home.search(text)] == []
    assert all(text.isascii() for text in texts)
