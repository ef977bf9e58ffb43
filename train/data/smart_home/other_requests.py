"""Requests that people made to other kinds of assistant: examples of "no function applies" that nobody wrote for it.

From the live part of the Berkeley Function-Calling Leaderboard (real users' queries, Apache-2.0) and its questions to
a memory; eval/bfcl.py tests on other files of it. What touches a smart home is left out: a query about lights, music
or the weather may well have a function here.
"""

from __future__ import annotations

import re
from functools import cache

from train.data.bfcl_wheel import bfcl_lines
from train.data.smart_home.none_wordings import wordings

FILES = tuple(
    f"BFCL_v4_{name}.json"
    for name in ("live_irrelevance", "live_multiple", "live_simple", "live_parallel", "live_relevance", "memory")
)
TESTS = ("BFCL_v4_simple_python.json", "BFCL_v4_irrelevance.json")  # asked by eval/bfcl.py: never learnt
LONGEST = 110  # characters
SHORTEST = 3  # words: "hey" is a wording of the tests, too
_HOME = re.compile(
    r"\b(light|lamp|bulb|dim|bright|switch|turn|thermostat|temperature|weather|forecast|degree|heat|warm|cool|cold|humid|"
    r"timer|alarm|remind|volume|mute|music|song|play|pause|track|movie|media|tv|television|speaker|lock|unlock|door|gate|"
    r"garage|window|blind|curtain|shade|cover|fan|vacuum|mow|lawn|scene|script|shopping|grocer|list|todo|to-do|home|house|"
    r"room|kitchen|bath|floor|device|sensor|battery|broadcast|announce|time|clock|o'clock|cancel|stop|open|close|start|"
    r"add)",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"[A-Za-z0-9 ,.'?!\-:/$%&()]+")


@cache
def other_requests() -> tuple[str, ...]:
    """Some hundred sentences, each once, in the order of their files. Raises UserError where the wheel can't be had."""
    *wanted, simple, irrelevance = bfcl_lines(*FILES, *TESTS)
    tested = {_key(_question(line)) for line in (*simple, *irrelevance)} | {_key(text) for text in wordings("test")}
    found: dict[str, str] = {}
    for line in (line for lines in wanted for line in lines):
        text = " ".join(_question(line).split())
        fits = len(text.split()) >= SHORTEST and len(text) <= LONGEST and _PLAIN.fullmatch(text)
        if fits and not _HOME.search(text) and _key(text) not in tested:
            found.setdefault(_key(text), text)
    return tuple(found.values())


def _question(line: dict[str, object]) -> str:
    turns = line["question"]
    assert isinstance(turns, list)
    return str(turns[0][-1]["content"])


def _key(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().casefold()
