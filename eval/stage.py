"""The stage `eval`: answers, speed, result files, report."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from eval.bfcl import SETS
from eval.engines.registry import ENGINES, check_known
from eval.likelihood import divergence, read_text
from eval.model_card import write_cards
from eval.quality import EngineOutcome, agreement, answer_sets, difference, quality_of
from eval.report import write_report
from eval.results import Artifact, Difference, Result, write_result
from eval.samples import read_set
from eval.speed import BASELINE, Timed, speed_of, time_engines
from train.config.schema import Config
from train.data import split_names
from train.errors import TandemError, UserError
from train.hardware import environment
from train.progress import say
from train.runs import RunFolder, StageContext


def run(context: StageContext) -> dict[str, Any]:
    """Compares all engines of `eval.engines`; headline: exact match of each on the headline set.

    Raises:
        UserError: an unknown engine or test set, or rows that can't be judged; found before anything is started.
        TandemError: no engine could answer.
    """
    config, folder = context.config, context.run
    check_request(config)
    sets = {name: read_set(folder.data, name, n, config.eval.scorer) for name, n in config.eval.sets.items()}
    _forget_others(config, folder)
    with tempfile.TemporaryDirectory(prefix="tandem-eval-") as scratch:
        outcomes = {engine: _answered(engine, config, folder, sets, Path(scratch)) for engine in config.eval.engines}
        _compare_likelihoods(outcomes)
    alive = [engine for engine, outcome in outcomes.items() if outcome.error is None]
    timed = time_engines(alive, config, folder) if alive else {}
    results = [_result(outcome, outcomes, timed, config, folder) for outcome in outcomes.values()]
    for result in results:
        write_result(folder.eval, result)
    if not alive:
        reasons = "; ".join(f"{name}: {outcome.error}" for name, outcome in outcomes.items())
        raise TandemError(f"No engine could answer. {reasons}")
    write_report(folder.path)
    write_cards(folder, config, results)
    headline = _headline(results, config.eval.headline)
    context.tracker.log({f"eval/exact/{engine}": value for engine, value in headline.items() if value is not None})
    return headline


def check_request(config: Config) -> None:
    """Raises UserError where the section `eval` asks for what can't be."""
    check_known(config.eval.engines)
    if not config.eval.engines:
        raise UserError("eval.engines is empty: name at least one engine to compare.")
    if len(set(config.eval.engines)) != len(config.eval.engines):
        raise UserError(f"eval.engines names an engine twice: {', '.join(config.eval.engines)}.")
    if config.eval.headline not in config.eval.sets:
        raise UserError(
            f"eval.headline is {config.eval.headline!r}, which is not among eval.sets "
            f"({', '.join(config.eval.sets)}): add it there or choose another."
        )
    read_text(config.eval)


def check_before(config: Config) -> None:
    """check_request, and the test sets: what can be told before there is a run. Raises UserError."""
    check_request(config)
    known = [*split_names(config.data), *SETS]
    if unknown := [name for name in config.eval.sets if name not in known]:
        raise UserError(
            f"eval.sets asks for the test set {unknown[0]!r}, which this config's data have not. Sets: "
            f"{', '.join(known)}. Rows of your own are named in data.tests."
        )


def _compare_likelihoods(outcomes: dict[str, EngineOutcome]) -> None:
    """Every engine's distribution against its parent's, while the scratch folder is there."""
    for engine, outcome in outcomes.items():
        parent = outcomes.get(ENGINES[engine].parent or "")
        if parent is not None:
            outcome.divergence = divergence(outcome.log_probs, parent.log_probs)


def _answered(engine: str, config: Config, folder: RunFolder, sets: dict[str, Any], scratch: Path) -> EngineOutcome:
    outcome = answer_sets(engine, config, folder, sets, scratch)
    if outcome.error is not None:
        what = "skipped" if outcome.skipped else "failed"
        say(f"eval {engine}: {what}, the others go on. {outcome.error}")
    return outcome


def _result(
    outcome: EngineOutcome,
    outcomes: dict[str, EngineOutcome],
    timed: dict[str, Timed],
    config: Config,
    folder: RunFolder,
) -> Result:
    entry = timed.get(outcome.engine)
    parent = ENGINES[outcome.engine].parent
    error = outcome.error or (entry.error if entry is not None else None)
    parent_samples = outcomes[parent].samples if parent in outcomes else []
    return Result(
        engine=outcome.engine,
        status="ok" if error is None else "skipped" if outcome.skipped else "failed",
        error=error,
        artifact=None if outcome.artifact is None else Artifact(**outcome.artifact),
        parent=parent,
        environment={**environment(), "threads": config.eval.threads},
        settings=config.eval.model_dump(mode="json"),
        quality=quality_of(outcome.samples),
        agreement=None
        if parent is None
        else agreement(parent, outcome.samples, parent_samples, outcome.divergence, folder.data / "tokenizer"),
        answers=outcome.answers,
        text=outcome.text,
        difference=_difference(outcome, outcomes, config),
        speed=None if entry is None else speed_of(outcome.engine, timed, config.eval),
        peak_memory_bytes=None if entry is None else entry.peak_memory_bytes,
        load_s=None if entry is None else entry.load_s,
        answer_s=outcome.answer_s,
    )


def _difference(outcome: EngineOutcome, outcomes: dict[str, EngineOutcome], config: Config) -> Difference | None:
    if outcome.engine == BASELINE or BASELINE not in outcomes:
        return None
    return difference(BASELINE, outcome.samples, outcomes[BASELINE].samples, config.eval.headline)


def _forget_others(config: Config, folder: RunFolder) -> None:
    """Takes away results of engines that are no longer asked for: the report would show them beside the new ones."""
    others = [path for path in sorted(folder.eval.glob("*.json")) if path.stem not in config.eval.engines]
    if others:
        say(
            f"eval: {', '.join(path.stem for path in others)}: no longer in eval.engines, so out of the report; the "
            f"answers stay in {folder.eval / 'samples'}, and are taken up where they are asked for again"
        )
    for path in others:
        path.unlink()


def _headline(results: list[Result], name: str) -> dict[str, Any]:
    """Exact match of each engine on the headline set; None for one that failed."""
    return {
        result.engine: round(result.quality[name].exact.value, 4) if name in result.quality else None
        for result in results
    }
