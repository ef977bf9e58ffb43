"""The linear baseline: no neural network. A model that can't beat it is not worth its size.

A linear SVM on word 1-3-grams and character 2-4-grams picks the call's signature: the function, its closed arguments,
and holes for open values and numbers. A linear tagger finds the words that fill the open ones, a parser the numbers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.number_words import numbers
from train.atomic import whole_file
from train.errors import MissingExtraError

try:
    from eval.linear_model import LinearModel, fit
    from eval.linear_tagger import OUTSIDE, TaggedSentence, tag_spans, train_tagger
except ImportError as error:
    if (error.name or "").split(".")[0] not in ("sklearn", "scipy"):
        raise
    raise MissingExtraError("scikit-learn", "eval", "The linear baseline") from None

FORMAT = 1
OPEN, NUMBER = "\u0000open", "\u0000number"  # holes; no call can contain a NUL
_WORD = re.compile(r"\d+(?:\.\d+)?|[^\W\d]+(?:['’][^\W\d]+)*|[^\w\s]")


@dataclass(frozen=True)
class Sentence:
    """An utterance in words, and where they stand in it."""

    text: str
    words: list[str]
    spans: list[tuple[int, int]]

    @classmethod
    def of(cls, text: str) -> Sentence:
        matches = list(_WORD.finditer(text))
        return cls(text, [match.group().lower() for match in matches], [match.span() for match in matches])

    def value(self, start: int, end: int) -> str:
        """Words `start` to `end` as they stand in the text."""
        return self.text[self.spans[start][0] : self.spans[end - 1][1]]

    def find(self, value: str) -> tuple[int, int] | None:
        """Place of a value's words, or None."""
        wanted = Sentence.of(value).words
        places = range(len(self.words) - len(wanted) + 1) if wanted else ()
        return next(((i, i + len(wanted)) for i in places if self.words[i : i + len(wanted)] == wanted), None)


class LinearBaseline:
    """Sentence → call.

    Example:
        model = train(rows, seed=1)
        model.predict(["turn on the kitchen light"])  # ['{"name":"HassTurnOn","arguments":{...}}']
    """

    def __init__(self, signatures: LinearModel, tagger: LinearModel | None) -> None:
        self._signatures, self._tagger = signatures, tagger

    def predict(self, texts: list[str]) -> list[str]:
        """Canonical JSON of the call for each text."""
        if not texts:
            return []
        sentences = [Sentence.of(text) for text in texts]
        signatures = self._signatures.predict([text_features(sentence) for sentence in sentences])
        return [
            self._fill(sentence, json.loads(signature))
            for sentence, signature in zip(sentences, signatures, strict=True)
        ]

    def save(self, path: Path) -> None:
        """Writes one .npz (whatever the path's ending): arrays, and JSON as bytes. No pickle."""
        card: dict[str, Any] = {"format": FORMAT, "signatures": self._signatures.names()}
        arrays = self._signatures.arrays("signatures")
        if self._tagger is not None:
            card["tagger"] = self._tagger.names()
            arrays |= self._tagger.arrays("tagger")
        with whole_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, card=np.frombuffer(json.dumps(card).encode(), np.uint8), **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> LinearBaseline:
        """Reads what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            card = json.loads(arrays["card"].tobytes())
            parts = [
                LinearModel.restored(card[name], arrays, name) if name in card else None
                for name in ("signatures", "tagger")
            ]
        assert parts[0] is not None
        return cls(parts[0], parts[1])

    def _fill(self, sentence: Sentence, signature: dict[str, Any]) -> str:
        """The call: holes of the signature filled from the sentence; what can't be filled is left out."""
        name, arguments = signature["name"], dict(signature["arguments"])
        slots = [slot for slot, value in arguments.items() if value == OPEN]
        spans = tag_spans(self._tagger, sentence.words, str(name), slots) if self._tagger else {}
        said = [number.value for number in numbers(sentence.words)]
        for slot in list(arguments):
            filled: Any
            if arguments[slot] == OPEN:
                filled = sentence.value(*spans[slot]) if slot in spans else None
            elif arguments[slot] == NUMBER:
                filled = said.pop(0) if said else None
            else:
                continue
            if filled is None:
                del arguments[slot]
            else:
                arguments[slot] = filled
        call = {"name": name, "arguments": dict(sorted(arguments.items()))}
        return json.dumps(call, ensure_ascii=False, separators=(",", ":"))


def train(rows: list[dict[str, Any]], seed: int) -> LinearBaseline:
    """Trains both parts on chat rows (see the page on data rows: `messages`, and `open` for copied values)."""
    sentences, signatures, tagged = [], [], []
    for row in rows:
        sentence, call = Sentence.of(row["messages"][-2]["content"]), json.loads(row["messages"][-1]["content"])
        open_slots = _open_slots(sentence, call["arguments"], row.get("open"))
        sentences.append(sentence)
        signatures.append(_signature(sentence, call, open_slots))
        tags = _tags(sentence, open_slots)
        if tags is not None:
            tagged.append(TaggedSentence(sentence.words, str(call["name"]), tags))
    model = fit([text_features(sentence) for sentence in sentences], signatures, seed)
    if not any(tag != OUTSIDE for line in tagged for tag in line.tags):
        return LinearBaseline(model, None)
    return LinearBaseline(model, train_tagger(tagged, seed))


def text_features(sentence: Sentence) -> list[str]:
    """Word 1-3-grams and character 2-4-grams, numbers as '#'."""
    words = list(sentence.words)
    for number in reversed(numbers(words)):
        words[number.start : number.end] = ["#"]
    framed = ["^", *words, "$"]
    grams = [f"w{n}:{' '.join(framed[i : i + n])}" for n in (1, 2, 3) for i in range(len(framed) - n + 1)]
    text = " ".join(words)
    return grams + [f"c:{text[i : i + n]}" for n in (2, 3, 4) for i in range(len(text) - n + 1)]


def _open_slots(sentence: Sentence, arguments: dict[str, Any], stated: dict[str, str] | None) -> dict[str, str]:
    """Slots whose value is copied text. Without metadata: every string that stands in the sentence."""
    if stated is not None:
        return {slot: str(value) for slot, value in stated.items() if slot in arguments}
    return {slot: value for slot, value in arguments.items() if isinstance(value, str) and sentence.find(value)}


def _signature(sentence: Sentence, call: dict[str, Any], open_slots: dict[str, str]) -> str:
    said = {number.value for number in numbers(sentence.words)}

    def hole(slot: str, value: Any) -> Any:
        if slot in open_slots:
            return OPEN
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return NUMBER if is_number and value in said else value

    arguments = {slot: hole(slot, value) for slot, value in sorted(call["arguments"].items())}
    return json.dumps({"name": call["name"], "arguments": arguments})


def _tags(sentence: Sentence, open_slots: dict[str, str]) -> list[str] | None:
    """BIO tags; None where a value is not found in the sentence: the row would teach the wrong thing."""
    tags = [OUTSIDE] * len(sentence.words)
    for slot, value in open_slots.items():
        place = sentence.find(value)
        if place is None:
            return None
        start, end = place
        tags[start:end] = [f"B-{slot}"] + [f"I-{slot}"] * (end - start - 1)
    return tags
