"""The tables of a result: on the terminal, and as Markdown in the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from eval.bench.result import FrameworksResult, MistakeResult, PipelineResult, Ratio, StudentResult

ABSENT = "–"


@dataclass(frozen=True)
class Rows:
    """A table as text."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def rich(self) -> Table:
        """For the terminal."""
        table = Table(title=self.title, title_justify="left")
        for index, column in enumerate(self.columns):
            table.add_column(column, justify="right" if index else "left", no_wrap=index == 0)
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table

    def markdown(self) -> str:
        """A Markdown table."""
        lines = [self.columns, ("---", *["---:"] * (len(self.columns) - 1)), *self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def students_table(result: FrameworksResult) -> Rows:
    """Speed and memory of the student in each framework; failed ones with their reason."""
    columns = (
        "framework", "train ms", "× baseline", "first train s", "forward ms", "× baseline", "first forward s", "load s",
        "peak MB",
    )  # fmt: skip
    return Rows("The same student on the same batch", columns, [_student(student) for student in result.students])


def _student(student: StudentResult) -> tuple[str, ...]:
    if student.train is None or student.forward is None:
        return (student.label, f"failed: {student.error}", *[ABSENT] * 7)
    return (
        student.label,
        _ms(student.train.median_s),
        ratio_text(student.train.ratio),
        f"{student.train.first_s:.2f}",
        _ms(student.forward.median_s),
        ratio_text(student.forward.ratio),
        f"{student.forward.first_s:.2f}",
        f"{student.load_s or 0.0:.1f}",
        _mb(student.peak_memory_bytes),
    )


def pipelines_table(result: FrameworksResult) -> Rows:
    """Speed of the input pipelines."""
    columns = ("pipeline", "tokens/s", "× baseline", "peak MB")
    return Rows("The same rows and logit cache", columns, [_pipeline(pipeline) for pipeline in result.pipelines])


def _pipeline(pipeline: PipelineResult) -> tuple[str, ...]:
    if pipeline.tokens_per_s is None or pipeline.ratio is None:
        return (pipeline.label, f"failed: {pipeline.error}", ABSENT, ABSENT)
    speed = f"{pipeline.tokens_per_s:,.0f}"
    return (pipeline.label, speed, ratio_text(pipeline.ratio), _mb(pipeline.peak_memory_bytes))


def mistakes_table(result: FrameworksResult) -> Rows:
    """What each says about a wrong shape in user code."""
    columns = ("compiler", "error", "message lines", "printed lines", "user's line named", "both shapes named")
    return Rows("A wrong shape in user code", columns, [_mistake(mistake) for mistake in result.mistakes])


def _mistake(mistake: MistakeResult) -> tuple[str, ...]:
    if mistake.error is None:
        return (mistake.label, f"failed: {mistake.first_line}", *[ABSENT] * 4)
    where = "in the message" if mistake.line_in_message else "in the traceback" if mistake.line_in_traceback else "no"
    lines = (str(mistake.message_lines), str(mistake.printed_lines))
    return (mistake.label, mistake.error, *lines, where, "yes" if mistake.shapes_named else "no")


def all_tables(result: FrameworksResult) -> Sequence[Rows]:
    return (students_table(result), pipelines_table(result), mistakes_table(result))


def ratio_text(ratio: Ratio) -> str:
    """1.52 [1.47, 1.60]: times as fast as the baseline."""
    return f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}"


def _mb(size: int | None) -> str:
    return ABSENT if size is None else f"{size / 1e6:.0f}"
