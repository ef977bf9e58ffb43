"""Linear BIO tagger: which words of a sentence are the value of an open argument. One part of the linear baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eval.linear_model import Floats, LinearModel, fit

OUTSIDE = "O"
IMPOSSIBLE = -1e9


class TaggedSentence(NamedTuple):
    """A sentence to learn from: lower-case words, name of the function it calls, "O", "B-slot" or "I-slot" a word."""

    words: list[str]
    name: str
    tags: list[str]


def token_features(words: Sequence[str], name: str) -> list[list[str]]:
    """Features of each word: itself, its ends, its neighbours, and the function that the sentence calls."""
    padded = ["<<", "<", *words, ">", ">>"]
    features = []
    for i, word in enumerate(words, start=2):
        before2, before, after, after2 = padded[i - 2], padded[i - 1], padded[i + 1], padded[i + 2]
        features.append(
            [
                f"w={word}",
                f"p={word[:3]}",
                f"s={word[-3:]}",
                f"-1={before}",
                f"+1={after}",
                f"-2={before2}",
                f"+2={after2}",
                f"-1w={before}_{word}",
                f"w+1={word}_{after}",
                f"-2-1={before2}_{before}",
                f"+1+2={after}_{after2}",
                f"-1+1={before}_{after}",
                f"n={name}",
                f"n-1={name}_{before}",
                f"n+1={name}_{after}",
                f"nw={name}_{word}",
                "number" if word[0].isdigit() else "word",
            ]
        )
    return features


def train_tagger(tagged: Sequence[TaggedSentence], seed: int) -> LinearModel:
    """Model that scores the tags of each word."""
    features = [line for sentence in tagged for line in token_features(sentence.words, sentence.name)]
    return fit(features, [tag for sentence in tagged for tag in sentence.tags], seed)


def tag_spans(model: LinearModel, words: Sequence[str], name: str, slots: Sequence[str]) -> dict[str, tuple[int, int]]:
    """First and last word (exclusive) of the value of each wanted slot that has one; best sequence by Viterbi."""
    known = [slot for slot in slots if f"B-{slot}" in model.classes]
    if not known or not words:
        return {}
    scores = model.scores(token_features(words, name))
    tags = [OUTSIDE, *(f"{part}-{slot}" for slot in known for part in "BI")]
    columns = np.stack([_column(model, scores, tag) for tag in tags], axis=1)
    path = _viterbi(columns, tags)
    return {slot: _span(path, columns, tags, slot) for slot in known}


def _column(model: LinearModel, scores: Floats, tag: str) -> Floats:
    """Scores [words] of a tag; a tag that training never had is impossible."""
    if tag not in model.classes:
        return np.full(len(scores), IMPOSSIBLE, np.float32)
    column: Floats = scores[:, model.classes.index(tag)]
    return column


def _viterbi(scores: Floats, tags: list[str]) -> list[str]:
    """Best tags where I-x follows only B-x or I-x. scores [words, tags]."""
    allowed = np.array([[b[0] != "I" or (a[2:] == b[2:] and a != OUTSIDE) for b in tags] for a in tags])
    steps = np.where(allowed, 0.0, IMPOSSIBLE)
    best = np.where([tag[0] == "I" for tag in tags], IMPOSSIBLE, scores[0])
    pointers = []
    for row in scores[1:]:
        ways = best[:, None] + steps
        pointers.append(ways.argmax(0))
        best = ways.max(0) + row
    path = [int(best.argmax())]
    for pointer in reversed(pointers):
        path.append(int(pointer[path[-1]]))
    return [tags[place] for place in reversed(path)]


def _span(path: list[str], scores: Floats, tags: list[str], slot: str) -> tuple[int, int]:
    """The slot's first span; the likeliest single word where the path has none (the call needs a value)."""
    begin = f"B-{slot}"
    if begin not in path:
        place = int(scores[:, tags.index(begin)].argmax())
        return place, place + 1
    start = path.index(begin)
    end = start + 1
    while end < len(path) and path[end] == f"I-{slot}":
        end += 1
    return start, end
