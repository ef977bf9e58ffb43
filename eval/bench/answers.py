"""Writes eval/results/PYTORCH_OR_TENSORFLOW.md from the result files in eval/results/ alone.

The questions are those that articles answer by opinion. An answer is a figure, the command that gives it, and what was
not measured. Without a result file a question stays open, and says which command would answer it.

    scripts/pytorch_or_tensorflow
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from eval.bench.result import FrameworksResult, MistakeResult, PipelineResult, StudentResult, Timed, read_frameworks
from eval.bench.tables import mistakes_table, pipelines_table, ratio_text, students_table
from eval.results import Result, read_result
from train.atomic import write_text
from train.command import guarded
from train.errors import UserError
from train.runs import REPOSITORY

PAGE = "PYTORCH_OR_TENSORFLOW.md"
BENCH = "./scripts/bench_frameworks"
PIPELINE_RUN = "tandem run configs/demo.yaml"
LIBRARIES = ("torch", "tensorflow", "keras", "jax")
TITLE = "# PyTorch or TensorFlow? Measured on one small language model"


@dataclass(frozen=True)
class Evidence:
    """The result files that were found."""

    frameworks: FrameworksResult
    source: str  # name of that file
    artifacts: list[Result]
    gpu: dict[str, dict[str, Any]] = field(default_factory=dict)  # scripts/bench_gpu, by workload

    def student(self, name: str) -> StudentResult | None:
        """A framework that worked, by name."""
        return next((s for s in self.frameworks.students if s.name == name and s.status == "ok"), None)

    def pipeline(self, name: str) -> PipelineResult | None:
        return next((p for p in self.frameworks.pipelines if p.name == name and p.status == "ok"), None)


@dataclass(frozen=True)
class Answer:
    """One question."""

    question: str
    text: str
    command: str
    not_measured: str
    table: str = ""

    def markdown(self) -> str:
        parts = [f"## {self.question}", self.text, self.table, f"Command: `{self.command}`"]
        parts.append(f"Not measured: {self.not_measured}")
        return "\n\n".join(part for part in parts if part)


def page(evidence: Evidence) -> str:
    """The whole page; a pure function of the result files."""
    found, machine = evidence.frameworks, evidence.frameworks.environment
    versions = machine.get("versions", {})
    named = ", ".join(f"{name} {versions[name]}" for name in LIBRARIES if name in versions)
    head = [
        TITLE,
        f"Made by `scripts/pytorch_or_tensorflow` from `{evidence.source}` ({found.rounds} rounds in turns, "
        f"{found.threads} threads, {machine.get('cpu', 'unknown CPU')}, {named}). Ratios are medians of paired rounds "
        "with a 95 % bootstrap interval; above 1: faster than the baseline. Milliseconds hold for that machine alone.",
        f"Workload: {_workload(found)}.",
    ]
    questions = [*QUESTIONS, *(question for workload, question in ON_A_GPU.items() if workload in evidence.gpu)]
    return "\n\n".join([*head, *(question(evidence).markdown() for question in questions)]) + "\n"


def main_use(evidence: Evidence) -> Answer:
    """What each is used for here, by what the artifacts are."""
    found = [r for r in evidence.artifacts if r.status == "ok" and r.artifact is not None]
    lines = [
        f"- `{r.engine}`: {r.artifact.format}, {r.artifact.bytes / 1e6:.1f} MB"
        + "".join(f", {name} {quality.exact.value:.1%} right" for name, quality in r.quality.items())
        for r in found
        if r.artifact is not None
    ]
    text = (
        "Both, one after the other: PyTorch fine-tunes the teacher, Keras trains the student, LiteRT runs it.\n\n"
        + "\n".join(lines)
        if lines
        else "Open: eval/results holds no result of kind `artifact`."
    )
    return Answer(
        "What is each mainly used for?",
        text,
        PIPELINE_RUN,
        "what other people use: this is one job, a language model for a phone.",
    )


def finding_errors(evidence: Evidence) -> Answer:
    """Lengths of messages."""
    ok = [m for m in evidence.frameworks.mistakes if m.error is not None]
    return Answer(
        "Which makes errors easier to find?",
        _errors_text(ok) if ok else "Open: no contestant answered.",
        BENCH,
        "other mistakes than one wrong shape; how long a person needs.",
        mistakes_table(evidence.frameworks).markdown(),
    )


def _errors_text(mistakes: Sequence[MistakeResult]) -> str:
    shortest = min(mistakes, key=lambda m: m.printed_lines)
    longest = max(mistakes, key=lambda m: m.printed_lines)
    nowhere = [m.label for m in mistakes if not (m.line_in_message or m.line_in_traceback)]
    return (
        f"One wrong shape in user code prints {shortest.printed_lines} lines under {shortest.label} and "
        f"{longest.printed_lines} under {longest.label}. "
        + (f"The user's line is named by all but {', '.join(nowhere)}." if nowhere else "All name the user's line.")
    )


def speed(evidence: Evidence) -> Answer:
    """Training step and forward pass."""
    students = [s for s in evidence.frameworks.students if s.train and s.forward]
    sentences = [_fastest(students, work, words) for work, words in WORK_WORDS.items()]
    return Answer(
        "Which is faster?",
        " ".join(sentences) if students else "Open: no framework worked.",
        BENCH,
        "TensorFlow on a GPU (it is installed here without CUDA), larger models"
        + (", mixed precision." if not any("bf16" in s.name for s in students) else "."),
        students_table(evidence.frameworks).markdown(),
    )


WORK_WORDS = {"train": "training step", "forward": "forward pass"}


def _fastest(students: Sequence[StudentResult], work: str, words: str) -> str:
    """The first one against the baseline; without a claim where their interval holds 1."""
    timed: list[tuple[StudentResult, Timed]] = [(student, getattr(student, work)) for student in students]
    student, best = min(timed, key=lambda pair: pair[1].median_s)
    label = next((s.label for s in students if s.name == best.ratio.baseline), best.ratio.baseline)
    told = f"{student.label} is first, {ratio_text(best.ratio)} times as fast as {label}"
    if best.ratio.low <= 1 <= best.ratio.high:
        told = f"{student.label} has the lowest median, but is not told apart from {label}: {ratio_text(best.ratio)}"
    return f"{words.capitalize()}: {told if student.label != label else f'{label} is first'}."


def compiling(evidence: Evidence) -> Answer:
    """When compiling pays."""
    return Answer(
        "Does compiling pay?",
        " ".join(filter(None, (_break_even(evidence, *pair) for pair in COMPILED))) or "Open: no pair worked.",
        BENCH,
        "shapes that change: each new one compiles again.",
    )


COMPILED = (
    ("torch-compile", "torch-eager"), ("torch-compile-bf16", "torch-eager-bf16"), ("keras-tf-graph", "keras-tf-eager"),
    ("keras-tf-xla", "keras-tf-graph"),
)  # fmt: skip


def _break_even(evidence: Evidence, compiled: str, plain: str) -> str:
    fast, slow = evidence.student(compiled), evidence.student(plain)
    if fast is None or slow is None or fast.train is None or slow.train is None:
        return ""
    saved = slow.train.median_s - fast.train.median_s
    extra = fast.train.first_s - slow.train.first_s
    start = f"{fast.label}: the first step takes {fast.train.first_s:.1f} s against {slow.train.first_s:.1f} s"
    if saved <= 0:
        return f"{start}, and later ones are no faster than under {slow.label}."
    return f"{start}; this is earned back after {max(0, round(extra / saved))} steps compared with {slow.label}."


def data_loading(evidence: Evidence) -> Answer:
    """Input pipelines."""
    ok = [p for p in evidence.frameworks.pipelines if p.tokens_per_s is not None and p.ratio is not None]
    text = "Open: no pipeline worked."
    if ok:
        first = max(ok, key=lambda p: p.tokens_per_s or 0.0)
        assert first.ratio is not None
        text = f"{first.label}: {first.tokens_per_s:,.0f} tokens/s, {ratio_text(first.ratio)} times the baseline."
        text += _reading_share(evidence, first)
    return Answer(
        "Which loads data faster?",
        text,
        BENCH,
        "reading from a network, decoding images: here rows and logit cache come from a local disk into NumPy arrays.",
        pipelines_table(evidence.frameworks).markdown(),
    )


def _reading_share(evidence: Evidence, pipeline: PipelineResult) -> str:
    """How the pipeline compares with what the fastest training eats."""
    steps = [s.train.median_s for s in evidence.frameworks.students if s.train]
    work = evidence.frameworks.workload
    if not steps or not pipeline.rounds_s:
        return ""
    per_epoch = -(-work["rows"] // work["batch_size"])
    share = sorted(pipeline.rounds_s)[len(pipeline.rounds_s) // 2] / per_epoch / min(steps)
    return f" One batch takes it {share:.1%} of the fastest training step, so {_verdict(share)}."


def _verdict(share: float) -> str:
    return "loading does not decide the speed here" if share < 0.5 else "loading counts as much as computing here"


def launching(evidence: Evidence) -> Answer:
    """Time until the first step is done."""
    rows = [(s.label, (s.load_s or 0.0) + s.train.first_s) for s in evidence.frameworks.students if s.train]
    rows.sort(key=lambda row: row[1])
    text = "; ".join(f"{label} {seconds:.1f} s" for label, seconds in rows)
    return Answer(
        "Which starts faster?",
        f"From an empty process to the end of the first training step: {text}." if rows else "Open.",
        BENCH,
        "several machines; a warm compile cache on disk.",
    )


def memory(evidence: Evidence) -> Answer:
    """Peak resident memory."""
    rows = [(s.label, s.peak_memory_bytes) for s in evidence.frameworks.students if s.peak_memory_bytes]
    rows.sort(key=lambda row: row[1])
    text = "; ".join(f"{label} {size / 1e6:.0f} MB" for label, size in rows)
    return Answer(
        "Which needs less memory?",
        f"Peak of the whole process, libraries included: {text}." if rows else "Open.",
        BENCH,
        "TensorFlow's memory of a GPU.",
    )


def switching(evidence: Evidence) -> Answer:
    """Another engine under Keras."""
    names = ("keras-tf-xla", "keras-jax", "keras-torch")
    found = [s for s in map(evidence.student, names) if s is not None and s.train is not None]
    losses = [s.first_loss for s in found if s.first_loss is not None]
    if len(found) < 2 or not losses:
        text = "Open: fewer than two back ends worked."
    else:
        speeds = "; ".join(f"{s.label} {s.train.median_s * 1e3:.1f} ms" for s in found if s.train)
        text = (
            f"The same files train on {len(found)} back ends (`student.backend`); their first losses lie within "
            f"{max(losses) - min(losses):.1e} of each other. A training step: {speeds}."
        )
    return Answer(
        "What does switching the engine under Keras cost?",
        text,
        f"{BENCH}; pytest tests/keras_track/test_back_ends.py",
        "programs that call a framework directly beside Keras.",
    )


def compiling_on_a_gpu(evidence: Evidence) -> Answer:
    """PyTorch alone: compiling, attention and memory at the size of the teacher."""
    gpu = evidence.gpu["full"]
    size = gpu["workloads"]["full"]["workload"]
    return Answer(
        "What does torch.compile give on a GPU?",
        f"{_on_device(gpu)}, rows of {size['length']:,} tokens, vocabulary {size['vocabulary']:,}, bf16; one change a "
        "line from what Tandem did by itself when this was measured.",
        "./scripts/bench_gpu",
        "TensorFlow and JAX on a GPU; several GPUs.",
        _settings_table(gpu["workloads"]["full"]),
    )


def short_rows_on_a_gpu(evidence: Evidence) -> Answer:
    """PyTorch alone: packing, small micro-batches, CUDA graphs."""
    gpu = evidence.gpu["short"]
    size = gpu["workloads"]["short"]["workload"]
    return Answer(
        "What do packing and CUDA graphs give on a GPU?",
        f"{_on_device(gpu)}, rows of {size['mean_length']:.0f} tokens on average, packs of {size['length']:,}, "
        f"vocabulary {size['vocabulary']:,}, bf16; one change a line from what Tandem did by itself when this was "
        "measured.",
        "./scripts/bench_gpu",
        "several GPUs; memory where the table has none.",
        _settings_table(gpu["workloads"]["short"]),
    )


ON_A_GPU: dict[str, Callable[[Evidence], Answer]] = {"full": compiling_on_a_gpu, "short": short_rows_on_a_gpu}


def _on_device(gpu: dict[str, Any]) -> str:
    return f"SmolLM2-135M on one {gpu['device']} (torch {gpu['environment']['versions']['torch']})"


def _settings_table(workload: dict[str, Any]) -> str:
    rows = ["| setting | tokens/s | MFU | × Tandem | peak GB |", "| --- | ---: | ---: | ---: | ---: |"]
    for one in _worked(workload):
        ratio, peak = one["of_tandem"], one["peak_memory_bytes"]
        rows.append(
            f"| {one['label']} | {one['tokens_per_s']:,.0f} | {_share(one.get('mfu'))} | {ratio['value']:.2f} "
            f"[{ratio['low']:.2f}, {ratio['high']:.2f}] | {'' if peak is None else f'{peak / 1e9:.1f}'} |"
        )
    return "\n".join(rows)


def _worked(workload: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in workload["settings"].values() if one.get("of_tandem")]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


QUESTIONS: tuple[Callable[[Evidence], Answer], ...] = (
    main_use, finding_errors, speed, compiling, data_loading, launching, memory, switching,
)  # fmt: skip


def gather(folder: Path) -> Evidence:
    """Result files of a folder. Raises UserError where the benchmark has not been run."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.json")):
        kinds.setdefault(_kind(path), []).append(path)
    if not kinds.get("frameworks"):
        raise UserError(f"{folder} has no result of kind 'frameworks'. Run {BENCH} first.")
    newest = kinds["frameworks"][-1]  # names end with the date
    artifacts = kinds.get("artifact", [])
    of_demo = [path for path in artifacts if "demo" in path.relative_to(folder).parts[:-1]]  # beside other runs' files
    gpu: dict[str, dict[str, Any]] = {}
    for one in (json.loads(path.read_text(encoding="utf-8")) for path in kinds.get("gpu", [])):
        for name, workload in one["workloads"].items():  # the file that tells most, the newest of those
            if name not in gpu or len(_worked(workload)) >= len(_worked(gpu[name]["workloads"][name])):
                gpu[name] = one
    read = [read_result(path) for path in of_demo or artifacts]
    return Evidence(read_frameworks(newest), newest.name, read, gpu)


def _kind(path: Path) -> str:
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}). Delete it, or run its benchmark again.") from None
    return str(value.get("kind", "")) if isinstance(value, dict) else ""


def write_page(folder: Path) -> dict[str, Any]:
    """Writes the page beside the results."""
    write_text(folder / PAGE, page(gather(folder)))
    return {"page": str(folder / PAGE)}


def _workload(found: FrameworksResult) -> str:
    work = found.workload
    shape = work["shape"]
    return (
        f"a Llama of width {shape['hidden_size']} with {shape['num_hidden_layers']} layers and a vocabulary of "
        f"{work['vocab_size']}, batches of {work['batch_size']} rows of {work['length']} tokens, {work['rows']} rows "
        f"with the teacher's top {work['top_k']}, AdamW, fp32 where nothing else is said"
    )


def main(
    folder: Annotated[Path, typer.Argument(help="folder with result files")] = REPOSITORY / "eval" / "results",
) -> None:
    """Writes PYTORCH_OR_TENSORFLOW.md from the result files of a folder."""
    raise typer.Exit(guarded(lambda: write_page(folder)))


if __name__ == "__main__":
    typer.run(main)
