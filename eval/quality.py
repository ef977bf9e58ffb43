"""Quality: every engine answers the same rows; shares with intervals, by category, by error type, against the parent.

Engines run one after the other, each in a worker of its own. What stops one (crash, hang, missing file) is recorded
in its result, and the others go on.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.answers_key import engine_key
from eval.client import EngineError, EngineSkippedError, EngineWorker
from eval.engines.engine import Answer
from eval.engines.registry import spec_of
from eval.likelihood import Divergence, ask, first_divergence, read_text, token_share
from eval.results import Agreement, Difference, Perplexity, SetQuality, Share
from eval.samples import Row, SampleFile, as_sample, judge, open_slots_of, sample_key
from train.config.schema import Config
from train.errors import TandemError
from train.hardware import cores
from train.intervals import mcnemar, paired_difference, wilson
from train.metrics import ERROR_TYPES
from train.progress import progress, say
from train.runs import RunFolder

Sets = dict[str, list[Row]]
Sample = dict[str, Any]
FIGURES = ("intent", "argument_keys", "valid_json", "invented", "false_call")


@dataclass
class EngineOutcome:
    """What is known of an engine after its answers."""

    engine: str
    artifact: dict[str, Any] | None = None
    samples: list[Sample] = field(default_factory=list)
    answer_s: float = 0.0
    error: str | None = None
    skipped: bool = False  # a library of it is not installed
    answers: Perplexity | None = None  # of the reference answers
    text: Perplexity | None = None  # of eval.text
    divergence: Divergence | None = None  # from the parent
    log_probs: Path | None = None  # of the reference answers, [T, V] a row, in the scratch folder


def answer_sets(engine: str, config: Config, run: RunFolder, sets: Sets, scratch: Path) -> EngineOutcome:
    """All answers of one engine, scored, and likelihoods; answers of an earlier evaluation are taken up."""
    outcome = EngineOutcome(engine)
    try:
        with EngineWorker(spec_of(engine, run, config, cores(), "auto"), config.eval.limit_s) as worker:
            worker.load()
            outcome.artifact, _ = worker.describe()
            _answer(worker, outcome, config, run, sets)
            _read_likelihoods(worker, outcome, config, sets, scratch)
    except TandemError as error:
        outcome.error, outcome.skipped = str(error), isinstance(error, EngineSkippedError)
    return outcome


def _read_likelihoods(worker: EngineWorker, outcome: EngineOutcome, config: Config, sets: Sets, scratch: Path) -> None:
    """What the engine thinks of the reference answers; without it the answers it gave still count."""
    rows, text = sets[config.eval.headline], read_text(config.eval)
    try:
        found = ask(worker, outcome.engine, config.eval, rows, text, scratch)
    except EngineError as error:
        say(f"eval {outcome.engine}: no likelihoods: {error}")
    else:
        outcome.answers, outcome.text, outcome.log_probs = found


def _answer(worker: EngineWorker, outcome: EngineOutcome, config: Config, run: RunFolder, sets: Sets) -> None:
    assert outcome.artifact is not None
    file = SampleFile(run.eval / "samples", outcome.engine)
    engine = engine_key(outcome.engine, outcome.artifact["sha256"], config, run)
    keyed = [(name, row, sample_key(engine, config.eval, row)) for name, rows in sets.items() for row in rows]
    # Short prompts together: a batch costs what its longest prompt costs. The same text in two sets is asked once.
    missing = {key: row for _, row, key in keyed if file.get(key) is None}
    order = sorted(missing, key=lambda key: len(str(missing[key]["messages"][:-1])))
    start = time.perf_counter()
    with progress(f"eval {outcome.engine}", len(order), "answers") as meter:
        done = 0
        for answers in worker.answer([missing[key]["messages"][:-1] for key in order], config.eval.max_new_tokens):
            for key, answer in zip(order[done:], answers, strict=False):
                file.add(key, answer)
            done += len(answers)
            meter.advance(len(answers))
    if done != len(order):
        raise EngineError(f"the engine gave {done} answers to {len(order)} questions")
    outcome.answer_s = time.perf_counter() - start
    slots = {name: open_slots_of(rows) for name, rows in sets.items()}
    for name, row, key in keyed:
        answer = _known(file, key)
        score = judge(config.eval, row, answer, slots[name])
        outcome.samples.append(as_sample(name, row, key, answer, score))
    file.finish(outcome.samples)
    _tell_too_long(outcome)


def _tell_too_long(outcome: EngineOutcome) -> None:
    """They count as wrong: whoever compares must know that the engine was never asked."""
    too_long = Counter(sample["set"] for sample in outcome.samples if not sample["answer"]["fits"])
    for name, count in too_long.items():
        say(f"eval {outcome.engine}: {count} prompts of {name} do not fit its window; counted as wrong (too_long)")


def _known(file: SampleFile, key: str) -> Answer:
    answer = file.get(key)
    assert answer is not None
    return answer


def quality_of(samples: Sequence[Sample]) -> dict[str, SetQuality]:
    """Quality by test set, from scored samples."""
    by_set: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_set[sample["set"]].append(sample)
    return {name: _set_quality(found) for name, found in by_set.items()}


def _set_quality(samples: Sequence[Sample]) -> SetQuality:
    by_category: dict[str, list[bool]] = defaultdict(list)
    for sample in samples:
        by_category[sample["category"]].append(sample["score"]["exact"])
    errors = Counter(sample["score"]["error"] for sample in samples)
    exact = share([sample["score"]["exact"] for sample in samples])
    ended = share([sample["score"]["ended_by_stop"] for sample in samples])
    assert exact is not None
    assert ended is not None
    return SetQuality(
        exact=exact,
        ended_by_stop=ended,
        errors={name: errors[name] for name in ERROR_TYPES if errors[name]},
        by_category={name: found for name, rows in sorted(by_category.items()) if (found := share(rows)) is not None},
        **{figure: share([sample["score"][figure] for sample in samples]) for figure in FIGURES},
    )


def share(values: Sequence[bool | None]) -> Share | None:
    """Share of true values among those that apply; None where none does."""
    applicable = [value for value in values if value is not None]
    if not applicable:
        return None
    k, n = sum(applicable), len(applicable)
    interval = wilson(k, n)
    return Share(k=k, n=n, value=interval.value, low=interval.low, high=interval.high)


def agreement(
    parent: str,
    samples: Sequence[Sample],
    parent_samples: Sequence[Sample],
    found: Divergence | None = None,
    tokenizer: Path | None = None,
) -> Agreement | None:
    """Share of rows whose greedy answer is the same text as the parent's; None without common rows.

    Args:
        parent: its engine id.
        samples: of the artifact.
        parent_samples: of the parent.
        found: its distribution against the parent's, where both were asked.
        tokenizer: folder of the tokenizer that tells after how many tokens two answers part.
    """
    theirs = {(sample["set"], sample["id"]): sample["answer"]["text"] for sample in parent_samples}
    pairs = [
        (sample["answer"]["text"], theirs[sample["set"], sample["id"]])
        for sample in samples
        if (sample["set"], sample["id"]) in theirs
    ]
    same = share([mine == other for mine, other in pairs])
    if same is None:
        return None
    apart = None if tokenizer is None else first_divergence(pairs, tokenizer)
    likelihood = {} if found is None else {"kl": found.kl, "tokens": Share.model_validate(token_share(found))}
    return Agreement(parent=parent, same=same, first_divergence=apart, **likelihood)


def difference(
    baseline: str, samples: Sequence[Sample], baseline_samples: Sequence[Sample], name: str
) -> Difference | None:
    """Exact match on the set `name` minus that of the baseline; None without common rows."""
    theirs = {sample["id"]: sample["score"]["exact"] for sample in baseline_samples if sample["set"] == name}
    pairs = [
        (sample["score"]["exact"], theirs[sample["id"]])
        for sample in samples
        if sample["set"] == name and sample["id"] in theirs
    ]
    if not pairs:
        return None
    only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
    interval, p = paired_difference(only_first, only_second, len(pairs)), mcnemar(only_first, only_second)
    return Difference(baseline=baseline, value=interval.value, low=interval.low, high=interval.high, p=p)
