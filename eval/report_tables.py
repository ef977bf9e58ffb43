"""The smaller tables of the report as cells, the same for Markdown and HTML."""

from __future__ import annotations

from collections.abc import Sequence

from eval.figures import ABSENT, number, token_milliseconds, with_interval
from eval.report_data import ReportData
from eval.results import Result
from train.metrics import ERROR_TYPES


def error_rows(results: Sequence[Result]) -> list[list[str]]:
    """Rows of each error type on all sets together."""
    rows = []
    for result in results:
        counts = [sum(quality.errors.get(error, 0) for quality in result.quality.values()) for error in ERROR_TYPES]
        rows.append(
            [result.engine, *(str(count) for count in counts)] if result.quality else [result.engine, *[ABSENT] * 8]
        )
    return rows


def agreement_rows(results: Sequence[Result]) -> list[list[str]]:
    return [
        [result.engine, result.agreement.parent, f"{with_interval(share)}, {share.k} of {share.n}"]
        for result in results
        if result.agreement is not None and (share := result.agreement.same)
    ]


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
