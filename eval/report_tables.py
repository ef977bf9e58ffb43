"""The smaller tables of the report as cells, the same for Markdown and HTML."""

from __future__ import annotations

from collections.abc import Sequence

from eval.figures import ABSENT, number, p_value, percent, token_milliseconds, with_interval
from eval.report_data import ReportData
from eval.results import Result
from train.metrics import ERROR_TYPES

AGREEMENT = ("Artifact", "Parent", "Same greedy answer", "First difference at token", "Same next token", "KL, nats")
LIKELIHOOD = ("Artifact", "Answers: loss", "Perplexity", "Text: loss", "Perplexity", "Bits per byte")
TUNING = ("Test set", "Rows", "base", "teacher-eager", "Difference, points")


def set_rows(results: Sequence[Result]) -> list[list[str]]:
    """Exact match on every test set, in the order of the config; the first row names the sets."""
    names = [name for name in results[0].settings["sets"] if any(name in result.quality for result in results)]
    rows = [["Artifact", *names]]
    for result in results:
        shares = [result.quality[name].exact if name in result.quality else None for name in names]
        rows.append([result.engine, *(ABSENT if share is None else with_interval(share) for share in shares)])
    return rows


def tuning_rows(data: ReportData) -> list[list[str]]:
    """Out of the domain, the model before and after fine-tuning on the same rows: what did tuning cost?"""
    return [
        [
            name,
            str(found.n),
            f"{found.second_right / found.n * 100:.1f} %",
            f"{found.first_right / found.n * 100:.1f} %",
            f"{found.difference.value * 100:+.1f} [{found.difference.low * 100:+.1f}; "
            f"{found.difference.high * 100:+.1f}] {p_value(found.p)}",
        ]
        for name, found in data.tuning.items()
    ]


def error_types(results: Sequence[Result]) -> list[str]:
    """Kinds of error that occur anywhere."""
    found = {error for result in results for quality in result.quality.values() for error in quality.errors}
    return [error for error in ERROR_TYPES if error in found]


def error_rows(results: Sequence[Result]) -> list[list[str]]:
    """Rows of each of these types on all sets together."""
    kinds = error_types(results)
    rows = []
    for result in results:
        counts = [str(sum(quality.errors.get(kind, 0) for quality in result.quality.values())) for kind in kinds]
        rows.append([result.engine, *(counts if result.quality else [ABSENT] * len(kinds))])
    return rows


def agreement_rows(results: Sequence[Result]) -> list[list[str]]:
    """Against the parent: greedy answers, and the distribution on reference answers."""
    return [
        [
            result.engine,
            agreement.parent,
            f"{with_interval(agreement.same)}, {agreement.same.k} of {agreement.same.n}",
            ABSENT if agreement.first_divergence is None else f"{agreement.first_divergence:g}",
            percent(agreement.tokens),
            ABSENT if agreement.kl is None else f"{agreement.kl:.2g}",
        ]
        for result in results
        if (agreement := result.agreement) is not None
    ]


def likelihood_rows(results: Sequence[Result]) -> list[list[str]]:
    """Loss of the reference answers and of the plain text, for engines that give probabilities."""
    rows = []
    for result in results:
        if result.answers is None and result.text is None:
            continue
        cells = [result.engine]
        for found in (result.answers, result.text):
            cells += [ABSENT] * 2 if found is None else [f"{found.loss:.3f}", number(found.perplexity)]
        rows.append([*cells, ABSENT if result.text is None else f"{result.text.bits_per_byte:.3f}"])
    return rows


def speed_rows(results: Sequence[Result]) -> list[list[str]]:
    rows = []
    for result in results:
        if result.speed is None:
            continue
        quantiles = [token_milliseconds(result, share) for share in (0.5, 0.95)]
        loads = result.speed.load_average
        rows.append(
            [
                result.engine,
                *(ABSENT if value is None else number(value) for value in quantiles),
                ABSENT if result.load_s is None else number(result.load_s),
                str(len(result.speed.ttft_s)),
                f"{min(loads):.1f} to {max(loads):.1f}" if loads else ABSENT,
            ]
        )
    return rows


def stage_rows(data: ReportData) -> list[list[str]]:
    return [
        [
            stage.name,
            f"{stage.seconds:.0f}",
            f"{stage.share * 100:.0f} %",
            ABSENT if stage.peak_memory_mb is None else f"{stage.peak_memory_mb:.0f}",
        ]
        for stage in data.stages
    ]


def environment_rows(data: ReportData) -> list[tuple[str, str]]:
    """What the figures were measured on."""
    environment = data.results[0].environment
    rows = [(key, str(value)) for key, value in environment.items() if not isinstance(value, dict)]
    rows += [("versions", ", ".join(f"{name} {version}" for name, version in environment.get("versions", {}).items()))]
    speed = next((result.speed for result in data.results if result.speed is not None), None)
    if speed is not None:
        rows.append(
            ("speed test", f"{speed.prompt_tokens} prompt and {speed.new_tokens} new tokens, batch of one, CPU")
        )
    return [*rows, ("code", data.git)] if data.git else rows
