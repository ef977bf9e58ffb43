"""On-device runtimes side by side.

scripts/bench_ondevice --shape 40m --threads 1 --threads 2     random weights: speed depends on the shape alone
scripts/bench_ondevice --student runs/demo                     a run's student, and its app's process
scripts/bench_ondevice --shape tiny --rounds 2                 whether it runs
scripts/bench_ondevice --student RUN --commands RUN/data/t3.jsonl     real commands: what speculative decoding is worth
"""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from eval.bench.ondevice.amx import deny_amx
from eval.bench.ondevice.commands import CommandsBench
from eval.bench.ondevice.measure import Bench
from eval.bench.ondevice.model import SHAPES, find_model, write_random_model
from eval.bench.ondevice.tables import all_tables, commands_table, targets_table
from eval.bench.ondevice.workload import OndeviceWorkload
from eval.table import terminal
from train.atomic import write_json
from train.command import guarded
from train.errors import UserError
from train.hardware import cores
from train.runs import REPOSITORY


def main(
    student: Annotated[Path | None, typer.Option(help="a run folder, or a Hugging Face folder (Llama kind)")] = None,
    shape: Annotated[str | None, typer.Option(help=f"random weights of a shape: {', '.join(SHAPES)}")] = None,
    threads: Annotated[list[int] | None, typer.Option(min=1, help="CPU threads; may be given more than once")] = None,
    rounds: Annotated[int, typer.Option(min=2, help="rounds of the interleaved measurement")] = 15,
    prompt: Annotated[int, typer.Option(min=2, help="tokens read before the first new one")] = 64,
    new: Annotated[int, typer.Option(min=2, help="tokens generated")] = 32,
    window: Annotated[int, typer.Option(min=8, help="KV cache of the exported files, in tokens")] = 512,
    commands: Annotated[
        Path | None, typer.Option(help="chat JSONL whose commands a trained --student answers, instead of the request")
    ] = None,
    no_amx: Annotated[
        bool,
        typer.Option("--no-amx", help="without Intel's matrix unit, which no phone has"),
    ] = False,
    only: Annotated[list[str] | None, typer.Option(help="a contestant; may be given more than once")] = None,
    keep: Annotated[Path | None, typer.Option(help="folder for the model files, kept and used again")] = None,
    out: Annotated[Path | None, typer.Option(help="result file")] = None,
) -> None:
    """The same weights, prompt and number of new tokens in every runtime, in turns."""

    def work() -> dict[str, Any]:
        if (student is None) == (shape is None):
            raise UserError("Give one of --student FOLDER and --shape NAME: what is to be measured.")
        if commands is not None and student is None:
            raise UserError("--commands wants a model that was trained for them: --student FOLDER instead of --shape.")
        if no_amx:
            deny_amx()
        if prompt + new > window:
            raise UserError(f"--prompt {prompt} and --new {new} do not fit --window {window}. Raise the window.")
        named = str(shape) if student is None else name_of(student)
        kind = "ondevice" if commands is None else "ondevice-commands"
        path = out or REPOSITORY / "eval" / "results" / f"{kind}-{named}-{time.strftime('%Y-%m-%d')}.json"
        with ExitStack() as stack:
            folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            model = find_model(student) if student else random_model(folder / "model", str(shape))
            sizes = OndeviceWorkload(str(model), named, prompt, new, window)
            app = None if student is None else exported(student)
            command = shlex.join(["scripts/bench_ondevice", *sys.argv[1:]])
            counts = [min(count, cores()) for count in threads or [1]]
            if commands is not None:
                asked = CommandsBench(folder.resolve(), sizes, commands, rounds, counts[0], only or [], command)
                return measure_commands(asked, path)
            bench = Bench(folder.resolve(), sizes, rounds, list(dict.fromkeys(counts)), only or [], app, command)
            return measure(bench, path)

    raise typer.Exit(guarded(work))


def name_of(student: Path) -> str:
    """A run's name; of a model inside one its own behind it."""
    path = student.resolve()
    return f"{path.parent.name}-{path.name}" if (path.parent / "run.json").is_file() else path.name


def measure_commands(bench: CommandsBench, path: Path) -> dict[str, Any]:
    """The same for real commands."""
    result = bench.measure()
    write_json(path, result.model_dump(mode="json"))
    for table in (commands_table(result), targets_table("Aims", result.targets)):
        terminal().print(table.rich())
    failed = sorted(runner.name for runner in result.runners if runner.status != "ok")
    return {"result": str(path), "targets": {line.name: line.verdict for line in result.targets}, "not_ok": failed}


def random_model(folder: Path, shape: str) -> Path:
    """Written once: the config comes last."""
    return folder.resolve() if (folder / "config.json").is_file() else write_random_model(folder, shape)


def exported(run: Path) -> Path | None:
    """The exported folder of a run, where it has one."""
    folder = run / "mobile"
    return folder.resolve() if (folder / "bundle.json").is_file() else None


def measure(bench: Bench, path: Path) -> dict[str, Any]:
    """Measures, prints the tables, writes the result."""
    result = bench.measure()
    write_json(path, result.model_dump(mode="json"))
    for table in all_tables(result):
        terminal().print(table.rich())
    targets = [line for run in result.runs if run.threads == 1 for line in run.targets] + result.app_targets
    failed = sorted({runner.name for run in result.runs for runner in run.runners if runner.status != "ok"})
    return {"result": str(path), "targets": {line.name: line.verdict for line in targets}, "not_ok": failed}


if __name__ == "__main__":
    typer.run(main)
