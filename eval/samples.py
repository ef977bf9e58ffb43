"""Answers of an engine, kept row by row: an evaluation that was stopped goes on where it was.

Each line carries a key made of everything the answer depends on. Lines are appended to <engine>.partial.jsonl while
the engine answers; when all are there, the file appears whole as <engine>.jsonl.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from eval.bfcl import SETS, bfcl_rows
from eval.engines.engine import TOO_LONG, Answer
from eval.possible_answers import score_possible
from eval.row_checks import check_row, with_ids
from train.atomic import sha256_json, write_jsonl
from train.chat import content_text
from train.checked_json import checked_lines
from train.config.schema import EvalConfig
from train.data.chat_jsonl import as_chat
from train.errors import UserError
from train.metrics import SCORERS, Score, score_choice
from train.tracking.jsonl_log import whole_lines

Row = dict[str, Any]
SHOWN_PROBLEMS = 5


@with_config(ConfigDict(strict=True, extra="allow"))
class _Verdict(TypedDict):
    exact: bool


@with_config(ConfigDict(strict=True, extra="allow"))
class _Said(TypedDict):
    text: str


@with_config(ConfigDict(strict=True, extra="allow"))
class _Sample(TypedDict):
    """What every reader of samples/<engine>.jsonl relies on."""

    set: str
    id: str
    category: str
    utterance: str
    expected: str
    score: _Verdict
    answer: _Said


_SAMPLE: TypeAdapter[Any] = TypeAdapter(_Sample)
_ANSWER = TypeAdapter(Answer)


def read_set(data: Path, name: str, n: int, scorer: str = "call") -> list[Row]:
    """The first `n` rows of a test set, each with an id of its own: a file of the data folder, or one of eval.bfcl's.

    Raises UserError where there is no such set, or `scorer` can't judge a row of it; the first ones are listed.
    """
    if name in SETS:
        return bfcl_rows(name, n)
    path = data / f"{name}.jsonl"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in data.glob("*.jsonl"))) or "none"
        raise UserError(
            f"eval.sets asks for the test set {name!r}, but {path} does not exist. Sets here: {known}. "
            f"Sets from a package: {', '.join(SETS)}."
        )
    rows: list[Row] = []
    problems: list[str] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in zip(range(1, n + 1), lines, strict=False):
            try:
                rows.append(as_chat(json.loads(line.rstrip("\n"))))
                check_row(rows[-1], scorer)
            except json.JSONDecodeError as error:
                problems.append(f"{path}:{number} is not JSON: {error.msg} at column {error.colno}.")
            except (ValueError, UserError) as error:
                problems.append(f"{path}:{number} can't be used: {str(error).removesuffix('.')}.")
    if problems:
        raise UserError(_listed(name, problems))
    if not rows:
        raise UserError(f"{path} is empty: there is nothing to evaluate. Take {name!r} out of eval.sets or fill it.")
    return with_ids(rows, name)


def _listed(name: str, problems: list[str]) -> str:
    more = [f"… and {len(problems) - SHOWN_PROBLEMS} more"] if len(problems) > SHOWN_PROBLEMS else []
    listed = "\n  ".join(problems[:SHOWN_PROBLEMS] + more)
    return (
        f"The test set {name!r} of eval.sets can't be evaluated, no engine was started. Bad rows: {len(problems)}.\n"
        f"  {listed}\n"
        "Correct them where they come from (rows of your own: the file that data.tests names) and start again."
    )


def sample_key(engine_key: str, config: EvalConfig, row: Row) -> str:
    """Hash of all that an answer depends on; `engine_key`: of answers_key.py."""
    return sha256_json([engine_key, config.max_new_tokens, row["messages"]])[:16]


class SampleFile:
    """Samples of one engine: those of an earlier evaluation are taken up where the key is the same."""

    def __init__(self, folder: Path, engine: str) -> None:
        self._whole = folder / f"{engine}.jsonl"
        self._partial = folder / f"{engine}.partial.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        self._known = {**dict(_answers(self._whole)), **dict(_answers(self._partial))}
        _end_line(self._partial)

    def get(self, key: str) -> Answer | None:
        return self._known.get(key)

    def add(self, key: str, answer: Answer) -> None:
        self._known[key] = answer
        with self._partial.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "answer": asdict(answer)}, ensure_ascii=False) + "\n")

    def finish(self, samples: list[dict[str, Any]]) -> None:
        """Writes the scored samples whole."""
        write_jsonl(self._whole, samples)
        self._partial.unlink(missing_ok=True)


def judge(config: EvalConfig, row: Row, answer: Answer, open_slots: Collection[str]) -> Score:
    """Scores an answer to a row; a prompt that the engine could not hold has an empty answer."""
    if not answer.fits:
        judged = _judged(config, row, TOO_LONG, open_slots)
        intent = None if judged.intent is None else False  # never right, though it makes no call
        return replace(judged, error="too_long", intent=intent, false_call=None, invented=None)
    return _judged(config, row, answer, open_slots)


def _judged(config: EvalConfig, row: Row, answer: Answer, open_slots: Collection[str]) -> Score:
    if "possible" in row and "function" in row:
        return score_possible(answer.text, row["function"], row["possible"], answer.stopped)
    *_, user, expected = row["messages"]
    utterance, want = content_text(user["content"]), content_text(expected["content"])
    if config.scorer == "choice":
        return score_choice(answer.text, want, utterance, answer.stopped, choices=row.get("choices") or ())
    return SCORERS[config.scorer](answer.text, want, utterance, answer.stopped, open_slots)


def as_sample(name: str, row: Row, key: str, answer: Answer, score: Score) -> dict[str, Any]:
    """One line of samples/<engine>.jsonl."""
    *_, user, expected = row["messages"]
    return {
        "set": name,
        "id": row["id"],
        "category": row.get("category") or "",
        "utterance": content_text(user["content"]),
        "expected": content_text(expected["content"]),
        "score": score.as_dict(),
        "key": key,
        "answer": asdict(answer),
    }


def read_samples(folder: Path, engine: str) -> list[dict[str, Any]]:
    """The finished samples of an engine; empty where it has none. Raises UserError where a line is damaged."""
    path = folder / f"{engine}.jsonl"
    return list(checked_lines(path, _SAMPLE, f"Delete {path.name} and run the evaluation again (tandem eval CONFIG)."))


def open_slots_of(rows: Iterable[Row]) -> frozenset[str]:
    """Arguments whose value is copied from the utterance in some row of the set."""
    return frozenset(slot for row in rows if isinstance(row.get("open"), dict) for slot in row["open"])


def _answers(path: Path) -> Iterator[tuple[str, Answer]]:
    """Key and answer of each whole line; what is damaged is asked again."""
    for line in whole_lines(path):
        try:
            yield str(line["key"]), _ANSWER.validate_python(line["answer"])
        except (KeyError, ValidationError):
            continue


def _end_line(path: Path) -> None:
    """Ends a half line, so that the next one is not glued to it."""
    if path.exists() and not path.read_bytes().endswith(b"\n"):
        with path.open("ab") as file:
            file.write(b"\n")
