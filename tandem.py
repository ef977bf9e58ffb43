"""Tandem's front door: one short function a verb.

    tandem run configs/demo.yaml              the whole way: data → teacher → student → phone file → comparison
    tandem run configs/demo.yaml seed=2       any key of the config can be set on the command line
    tandem chat runs/demo "turn on the kitchen lights"

The very last line of stdout of every verb that computes something is one JSON object. Exit status: 0 done, 1 a fault of
the program or the machine, 2 the input is wrong, 3 a gate failed, 130 interrupted, 143 ended by SIGTERM.
"""

from __future__ import annotations

from train import early_interrupt

early_interrupt.begin()  # for Ctrl-C during the imports below
# ruff: noqa: E402

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from eval import eval_stage
from mobile.export import STAGE as EXPORT
from train.command import guarded
from train.config import Config, load_config
from train.data import data_stage
from train.distill import CAPTURE
from train.free_port import require_free
from train.keras_track import distill_stage
from train.pipeline import needed, run_pipeline
from train.runs import Stage, find_run
from train.stage import run_stage
from train.torch_track import finetune_stage

ENGINE = "student-tflite-int8"

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
    whole = [*(overrides or []), "export.source=student"]  # what is compared; the teacher's files are an extra
    raise typer.Exit(guarded(lambda: run_pipeline(_stages(config, whole), config, whole, _comparison)))


@app.command()
def plan(
    config: ConfigFile,
    overrides: Overrides = None,
    probe: Annotated[bool, typer.Option(help="time a few real steps (once the data is there)")] = True,
) -> None:
    """The resolved config, where each value came from, what is done; memory and time. Trains nothing.

    Example: tandem plan configs/demo.yaml finetune.rows=24000
    """
    from train.plan import print_plan

    def work() -> dict[str, object]:
        return print_plan(load_config(config, overrides or []), _stages(config, overrides or []), probing=probe)

    raise typer.Exit(guarded(work))


@app.command()
def data(
    config: ConfigFile,
    overrides: Overrides = None,
    show: Annotated[int, typer.Option(min=0, help="print this many rows token by token")] = 0,
    split: Annotated[str, typer.Option(help="the split they are taken from")] = "train",
) -> None:
    """Builds the data; --show N prints rows as the model sees them. Example: tandem data configs/demo.yaml --show 3"""
    _stage(data_stage, config, overrides)
    if show:
        from train.data.show import show_split

        raise typer.Exit(guarded(lambda: show_split(load_config(config, overrides or []).config, split, show)))


@app.command()
def finetune(config: ConfigFile, overrides: Overrides = None) -> None:
    """Fine-tunes the base model into the teacher (PyTorch). Example: tandem finetune configs/demo.yaml"""
    _stage(finetune_stage, config, overrides)


@app.command()
def capture(config: ConfigFile, overrides: Overrides = None) -> None:
    """Writes the teacher's top-k log-probabilities into the logit cache. Example: tandem capture configs/demo.yaml

    In several processes: torchrun --nproc-per-node 8 -m train.distill configs/demo.yaml
    """
    _stage(CAPTURE, config, overrides)


@app.command()
def distill(config: ConfigFile, overrides: Overrides = None) -> None:
    """Trains the student from the cache (Keras 3). Example: tandem distill configs/demo.yaml distill.epochs=2"""
    _stage(distill_stage, config, overrides)


@app.command()
def export(config: ConfigFile, overrides: Overrides = None) -> None:
    """Exports the student to TFLite and checks it; export.source=teacher|FOLDER exports another Llama-style model.

    Example: tandem export configs/demo.yaml export.source=teacher
    """
    from mobile.export.source import run_export

    raise typer.Exit(guarded(lambda: run_export(load_config(config, overrides or []).config)))


@app.command()
def verify(run_path: RunPath) -> None:
    """Builds the exported files again: the same bytes? Status 3 where not. Example: tandem verify runs/demo"""
    from mobile.export.verify import verify as verify_run

    raise typer.Exit(guarded(lambda: verify_run(run_path)))


@app.command(name="eval")
def evaluate(config: ConfigFile, overrides: Overrides = None) -> None:
    """Compares every artifact on quality, speed and size. Example: tandem eval configs/demo.yaml"""
    _stage(eval_stage, config, overrides)


@app.command()
def report(run_paths: Annotated[list[Path], typer.Argument(metavar="RUN…", help="one or more run folders")]) -> None:
    """Writes report.md and report.html again, from the result files alone; of several runs also an overview.

    Example: tandem report runs/demo runs/longer
    """
    from eval.report import write_reports

    raise typer.Exit(guarded(lambda: write_reports([find_run(path) for path in run_paths])))


@app.command()
def gate(
    run_path: RunPath,
    gates: Annotated[Path, typer.Option(help="YAML file of gates")] = Path("configs/gates.yaml"),
    junit: Annotated[Path | None, typer.Option(help="write JUnit XML here")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="an undecided gate fails, too")] = False,
) -> None:
    """Passes or fails a run by paired statistics; status 3 where a gate fails. Example: tandem gate runs/demo"""
    from eval.gate_report import judge_run

    raise typer.Exit(guarded(lambda: judge_run(run_path, gates, junit, strict)))


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="run folder")],
    second: Annotated[Path, typer.Argument(metavar="RUN_B", help="run folder; the one asked about")],
    test_set: Annotated[str | None, typer.Option("--set", help="test set; left out: the headline set")] = None,
) -> None:
    """Two runs on the same rows: which is better, by how much, how sure. Example: tandem compare runs/a runs/b"""
    from eval.compare import compare_runs

    raise typer.Exit(guarded(lambda: compare_runs(first, second, test_set)))


@app.command()
def tasks(
    run_path: RunPath,
    engine: Annotated[str, typer.Option("--on", help="engine id, e.g. teacher-eager")] = ENGINE,
    task: Annotated[list[str] | None, typer.Option(help="name of a task; left out: all of the folder")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="folder of lm-eval task files; left out: eval/tasks of the checkout")
    ] = None,
) -> None:
    """lm-eval tasks from local files on any artifact. Example: tandem tasks runs/demo --on teacher-eager"""
    from eval.lm_tasks import run_tasks

    raise typer.Exit(guarded(lambda: run_tasks(run_path, engine, task or [], folder)))


@app.command()
def chat(
    run_path: Annotated[Path, typer.Argument(metavar="RUN", help="run folder, or any folder with a bundle.json")],
    text: Annotated[str | None, typer.Argument(help="what to say; left out: a line at a time from stdin")] = None,
    engine: Annotated[str | None, typer.Option("--on", help="student-tflite-fp32, … (default: int8)")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads")] = 1,
    constrain: Annotated[
        str | None,
        typer.Option(
            help="off, schema (valid calls only) or substrings (… of the text); default: what bundle.json says"
        ),
    ] = None,
    home: Annotated[
        Path | None, typer.Option(metavar="FILE", help="names of your home (YAML): shows what a call comes to; dry")
    ] = None,
) -> None:
    """Talks to the exported student. Example: tandem chat runs/demo 'turn on the kitchen lights'"""
    from mobile.talk import talk

    raise typer.Exit(guarded(lambda: talk(run_path, text, engine, threads, constrain, home)))


@app.command()
def web(
    run_path: Annotated[Path, typer.Argument(metavar="RUN", help="run folder, or any folder with a bundle.json")],
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="port on 127.0.0.1; left out: a free one from 7870; 0: any")
    ] = None,
    threads: Annotated[bool, typer.Option(help="headers with which a browser allows threads")] = True,
    browser: Annotated[bool, typer.Option("--open", help="open the page in the browser, too")] = False,
    export: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="write the page there, for any web server, and end")
    ] = None,
) -> None:
    """The student in a browser page on localhost, until Ctrl-C. Example: tandem web runs/demo --open"""
    from mobile.serve.web import web as serve

    def work() -> dict[str, object]:
        if export is None:
            require_free(port)  # npm brings the page's packages after this
        return serve(run_path, port, threads, browser, export)

    raise typer.Exit(guarded(work))


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".tflite or .litertlm file")],
    json_only: Annotated[bool, typer.Option("--json", help="no table, only the JSON line")] = False,
) -> None:
    """Why a runtime would refuse a file or silently run it wrong; status 3 if so. Example: tandem check a.litertlm"""
    from mobile.check.report import check_file

    raise typer.Exit(guarded(lambda: check_file(file, json_only)))


@app.command()
def track(
    run_path: RunPath,
    to: Annotated[str, typer.Option("--to", help="wandb or trackio")],
    online: Annotated[bool, typer.Option("--online", help="wandb: straight to the server, not to files")] = False,
    workspace: Annotated[bool, typer.Option("--workspace", help="wandb: save the project's views, too")] = False,
) -> None:
    """Replays a run into a tracker from its metrics.jsonl, once or again. Example: tandem track runs/demo --to wandb"""
    from train.tracking.backfill import track_run

    raise typer.Exit(guarded(lambda: track_run(run_path, to, online=online, workspace=workspace)))


@app.command()
def dashboard(
    run_path: RunPath,
    browser: Annotated[bool, typer.Option(help="open the page in the browser")] = True,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="port on 127.0.0.1; left out: a free one from 7860")
    ] = None,
) -> None:
    """The run's curves and tables in a local page, until Ctrl-C. Example: tandem dashboard runs/demo --no-browser"""
    from train.tracking.dashboard import dashboard as show

    raise typer.Exit(guarded(lambda: show(run_path, browser=browser, port=port)))


@app.command()
def sweep(
    sweep_file: Annotated[Path, typer.Argument(metavar="SWEEP.yaml", help="W&B sweep file")],
    max_runs: Annotated[int | None, typer.Option(min=1, help="new trials at this start, at most")] = None,
) -> None:
    """Runs a sweep here, resumable. Example: tandem sweep configs/sweeps/distill-rate-alpha.yaml --max-runs 4"""
    from eval.sweep_report import write_sweep_report
    from train.sweeps.local_sweep import run_sweep

    raise typer.Exit(guarded(lambda: write_sweep_report(run_sweep(sweep_file, max_runs))))


@app.command()
def trial(
    config: ConfigFile,
    overrides: Overrides = None,
    until: Annotated[str | None, typer.Option(help="last stage that is run; left out: all")] = None,
) -> None:
    """One trial of a sweep. Example: tandem trial configs/smoke.yaml --until distill distill.alpha=0.9"""
    from train.sweeps.trial import run_trial

    raise typer.Exit(guarded(lambda: run_trial(_stages(config, overrides or []), config, overrides or [], until)))


@app.command()
def doctor() -> None:
    """What this machine can do, and the cure for what it can't. Example: tandem doctor"""
    from train.doctor import print_doctor

    raise typer.Exit(guarded(print_doctor))


def _stages(config: Path, overrides: list[str]) -> list[Stage]:
    """All stages that this config needs, in order. What only the last would refuse is refused here."""
    from eval.stage import check_before
    from train.base_model import check_base, check_context, local_folder
    from train.data.sources import check_sources

    loaded = load_config(config, overrides).config
    check_sources(loaded.data)
    check_base(loaded.model)
    if loaded.model.source != "random":
        check_context(loaded.model.source, local_folder(loaded.model), loaded.data.max_length)
    check_before(loaded)
    if loaded.data.tools is not None:
        from mobile.export.tools import check_tools

        check_tools(Path(loaded.data.tools).expanduser(), loaded.export)
    data_and_teacher = [data_stage(loaded), finetune_stage(loaded), CAPTURE]
    return needed([*data_and_teacher, distill_stage(loaded), EXPORT, eval_stage(loaded)])


def _stage(stage: Stage | Callable[[Config], Stage], config: Path, overrides: list[str] | None) -> None:
    def work() -> dict[str, object]:
        loaded = load_config(config, overrides or []).config
        chosen = stage if isinstance(stage, Stage) else stage(loaded)
        return {"stage": chosen.name, **run_stage(chosen, loaded)}

    status = guarded(work)
    if status or stage is not data_stage:
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
