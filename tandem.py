"""Tandem's front door: one short function a verb.

    tandem run configs/demo.yaml              the whole way: data → teacher → student → phone file → comparison
    tandem run configs/demo.yaml seed=2       any key of the config can be set on the command line
    tandem chat runs/demo "turn on the kitchen lights"

The very last line of stdout of every verb that computes something is one JSON object. Exit status: 0 done, 1 a fault of
the program or the machine, 2 the input is wrong, 3 a gate failed, 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from eval import STAGE as EVAL
from mobile.export import STAGE as EXPORT
from train.command import guarded
from train.config import load_config
from train.data import STAGE as DATA
from train.distill import CAPTURE
from train.keras_track import DISTILL
from train.pipeline import run_pipeline
from train.runs import Stage, find_run
from train.stage import run_stage
from train.torch_track import STAGE as FINETUNE

ENGINE = "student-tflite-int8"
STAGES = (DATA, FINETUNE, CAPTURE, DISTILL, EXPORT, EVAL)

app = typer.Typer(
    help="Fine-tune a small language model, distil it, put it on a phone, and measure every step.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Example: tandem run configs/demo.yaml finetune.max_minutes=5",
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file, e.g. configs/demo.yaml")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]…", help="override a key, e.g. finetune.epochs=2")
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="run folder, e.g. runs/demo")]


@app.command()
def run(config: ConfigFile, overrides: Overrides = None) -> None:
    """All stages, each skipped when it is done already. Example: tandem run configs/demo.yaml"""
    raise typer.Exit(guarded(lambda: run_pipeline(STAGES, config, overrides or [], _comparison)))


@app.command()
def plan(config: ConfigFile, overrides: Overrides = None) -> None:
    """The resolved config, where each value came from, and what is done. Trains nothing."""
    from train.plan import print_plan

    raise typer.Exit(guarded(lambda: print_plan(load_config(config, overrides or []), STAGES)))


@app.command()
def data(
    config: ConfigFile,
    overrides: Overrides = None,
    show: Annotated[int, typer.Option(help="print this many rows token by token")] = 0,
    split: Annotated[str, typer.Option(help="the split they are taken from")] = "train",
) -> None:
    """Builds the data; --show N prints rows as the model sees them. Example: tandem data configs/demo.yaml --show 3"""
    _stage(DATA, config, overrides)
    if show:
        from train.data.show import show_split

        raise typer.Exit(guarded(lambda: show_split(load_config(config, overrides or []).config, split, show)))


@app.command()
def finetune(config: ConfigFile, overrides: Overrides = None) -> None:
    """Fine-tunes the base model into the teacher (PyTorch)."""
    _stage(FINETUNE, config, overrides)


@app.command()
def capture(config: ConfigFile, overrides: Overrides = None) -> None:
    """Writes the teacher's top-k log-probabilities into the logit cache."""
    _stage(CAPTURE, config, overrides)


@app.command()
def distill(config: ConfigFile, overrides: Overrides = None) -> None:
    """Trains the student from the cache (Keras 3)."""
    _stage(DISTILL, config, overrides)


@app.command()
def export(config: ConfigFile, overrides: Overrides = None) -> None:
    """Exports the student to TFLite and checks it."""
    _stage(EXPORT, config, overrides)


@app.command(name="eval")
def evaluate(config: ConfigFile, overrides: Overrides = None) -> None:
    """Compares every artifact on quality, speed and size."""
    _stage(EVAL, config, overrides)


@app.command()
def report(run_path: RunPath) -> None:
    """Writes report.md and report.html again, from the result files alone."""
    from eval.report import write_report

    raise typer.Exit(guarded(lambda: write_report(find_run(run_path).path)))


@app.command()
def chat(
    run_path: RunPath,
    text: Annotated[str | None, typer.Argument(help="what to say; left out: a line at a time from stdin")] = None,
    engine: Annotated[str, typer.Option("--on", help="student-tflite-int8 or student-tflite-fp32")] = ENGINE,
    threads: Annotated[int, typer.Option(help="CPU threads")] = 1,
) -> None:
    """Talks to the exported student. Example: tandem chat runs/demo 'turn on the kitchen lights'"""
    from mobile.talk import talk

    raise typer.Exit(guarded(lambda: talk(run_path, text, engine, threads)))


@app.command()
def doctor() -> None:
    """What this machine can do, and the cure for what it can't."""
    from train.doctor import print_doctor

    raise typer.Exit(guarded(print_doctor))


def _stage(stage: Stage, config: Path, overrides: list[str] | None) -> None:
    status = guarded(lambda: {"stage": stage.name, **run_stage(stage, load_config(config, overrides or []).config)})
    if status or stage is not DATA:
        raise typer.Exit(status)


def _comparison(run_path: Path) -> dict[str, object]:
    """Writes the report again, now that run.json knows how long the comparison took, and prints the table."""
    from rich.console import Console

    from eval.report import comparison_table, write_report
    from eval.results import read_results

    results = read_results(run_path / "eval")
    # Piped into a file there is no terminal whose width could matter.
    Console(width=None if sys.stdout.isatty() else 140).print(comparison_table(results))
    exact = {
        r.engine: round(r.quality[h].exact.value, 4)
        for r in results
        for h in [r.settings["headline"]]
        if h in r.quality
    }
    return {**write_report(run_path), "exact_match": exact}


def main() -> None:
    """Entry point of the `tandem` command. A wrong command line ends with status 2, as typer does."""
    app()


if __name__ == "__main__":
    main()
