"""The linear baseline: no neural network, trained in seconds. A model that can't beat it is not worth its size."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.engines.engine import Answer, EngineSpec, Timing, describe_files, now
from train.atomic import sha256_file, sha256_json
from train.chat import Message, content_text
from train.errors import MissingExtraError, UserError
from train.tracking.jsonl_log import whole_lines

CHUNK = 64
SOURCES = Path(__file__).resolve().parent.parent


class LinearEngine:
    """Text in, text out; trained on the run's training rows when its file is not there yet."""

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec
        self.config = spec.parsed_config()

    def load(self) -> None:
        try:
            from eval.baseline_linear import LinearBaseline, train
        except ImportError as error:
            raise MissingExtraError(error.name or "scikit-learn", "eval", "The linear baseline") from None
        data = self.spec.run.data / "train.jsonl"
        if not data.exists():
            raise UserError(f"No training rows at {data} for the linear baseline: run the data stage first.")
        self._path = self.spec.run.eval / f"baseline-linear-{self._key(data)}.npz"
        self._utterances = [_utterance(row["messages"][:-1]) for row in itertools.islice(whole_lines(data), 256)]
        if self._path.exists():
            self._model: Any = LinearBaseline.load(self._path)
        else:
            try:
                rows = list(itertools.islice(whole_lines(data), self.config.eval.baseline_rows))
                self._model = train(rows, self.config.seed)
            except ValueError as error:  # an answer that is no JSON call
                raise UserError(
                    f"The linear baseline learns function calls, and answers of {data} are something else ({error}). "
                    "Leave 'baseline-linear' out of eval.engines."
                ) from error
            for old in self._path.parent.glob("baseline-linear-*.npz"):
                old.unlink()
            self._model.save(self._path)
        self._turn = 0

    def _key(self, data: Path) -> str:
        """Hash of what the model is made from: rows, seed and its own code."""
        sources = sorted([*SOURCES.glob("*linear*.py"), *SOURCES.glob("number_words.py")])
        settings = [self.config.seed, self.config.eval.baseline_rows]
        return sha256_json([*settings, *(sha256_file(path) for path in (data, *sources))])[:12]

    def answer(self, conversations: Sequence[Sequence[Message]], max_new_tokens: int) -> Iterator[list[Answer]]:
        for start in range(0, len(conversations), CHUNK):
            texts = [_utterance(conversation) for conversation in conversations[start : start + CHUNK]]
            yield [Answer(text, 0, True) for text in self._model.predict(texts)]

    def time_request(self, n_prompt: int, n_new: int) -> Timing:
        """Seconds of one command from start to end: there are no tokens, so the lengths don't matter."""
        utterance = self._utterances[self._turn % len(self._utterances)]
        self._turn += 1
        self._model.predict([self._utterances[0]])  # not counted, as for the other engines
        start = now()
        self._model.predict([utterance])
        return Timing(now() - start)

    def describe(self) -> dict[str, Any]:
        return describe_files([self._path], "scikit-learn", "fp64", None)


def _utterance(conversation: Sequence[Message]) -> str:
    return content_text(conversation[-1]["content"])
