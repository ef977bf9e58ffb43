"""Frameworks side by side.

scripts/bench_frameworks                      a student of 4.9 million weights, 12 rounds, all cores
scripts/bench_frameworks --tiny --rounds 2    whether it runs
"""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from eval.bench.frameworks import Bench
from eval.bench.plot import frameworks_svg
from eval.bench.tables import all_tables
from eval.bench.workload import TINY, Workload
from eval.table import terminal
from train.atomic import write_json, write_text
from train.command import guarded
from train.hardware import cores
from train.runs import REPOSITORY


def main(
    rounds: Annotated[int, typer.Option(min=1, help="rounds of the interleaved measurement")] = 12,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU cores of each contestant; all by default")] = None,
    tiny: Annotated[bool, typer.Option("--tiny", help="a student of a few thousand weights: whether it runs")] = False,
    out: Annotated[Path | None, typer.Option(help="result file; an .svg is written beside it")] = None,
) -> None:
    """The same student on the same batch in every framework, and every input pipeline on the same rows."""
    path = out or REPOSITORY / "eval" / "results" / f"frameworks-{time.strftime('%Y-%m-%d')}.json"
    workload = TINY if tiny else Workload()
    raise typer.Exit(guarded(lambda: measure(workload, rounds, min(threads or cores(), cores()), path)))


def measure(workload: Workload, rounds: int, threads: int, path: Path) -> dict[str, Any]:
    """Measures, prints the tables, writes the result and its plot."""
    command = shlex.join(["scripts/bench_frameworks", *sys.argv[1:]])
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        result = Bench(Path(folder), workload, rounds, threads, command).measure()
    write_json(path, result.model_dump(mode="json"))
    write_text(path.with_suffix(".svg"), frameworks_svg(result))
    for table in all_tables(result):
        terminal().print(table.rich())
    failed = [student.name for student in result.students if student.status == "failed"]
    failed += [pipeline.name for pipeline in result.pipelines if pipeline.status == "failed"]
    return {"result": str(path), "plot": str(path.with_suffix(".svg")), "failed": failed}


if __name__ == "__main__":
    typer.run(main)
