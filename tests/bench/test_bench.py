"""The benchmark without frameworks: workload, a contestant's process, figures by hand, tables, plot, answers."""

from __future__ import annotations

import json
import re
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.bench.answers import BENCH, gather, page, write_page
from eval.bench.contestants import MISTAKES, PIPELINES, STUDENTS, Contestant
from eval.bench.frameworks import pipeline_results, student_results
from eval.bench.plot import frameworks_svg
from eval.bench.process import ContestantError, ContestantProcess
from eval.bench.result import FrameworksResult, MistakeResult
from eval.bench.rounds import Running
from eval.bench.shape_errors import measure
from eval.bench.tables import mistakes_table, pipelines_table, students_table
from eval.bench.user_layer import MISTAKE_LINE, layer
from eval.bench.workload import TINY, Workload, read_batch, read_batches, read_workload, write_workload
from train.errors import UserError

WORK: Any = None  # entries without a process: only their figures are looked at


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workload")
    write_workload(folder, TINY)
    return folder


def test_workload_comes_back(folder: Path) -> None:
    assert read_workload(folder) == TINY
    assert Workload().shape["hidden_size"] == 256
    batch, batches = read_batch(folder), read_batches(folder)
    assert batch["token_ids"].shape == (4, 16)
    assert batch["ids"].shape == (*batch["labels"].shape, 4)
    assert batch["has_kd"].sum() == batch["weights"].sum() > 0  # the teacher has every supervised position
    assert np.exp(batch["logprobs"]).sum(-1).max() < 1.001
    assert len(batches) == 64 / 4


def test_a_contestant_reads_an_epoch_in_its_own_process(folder: Path) -> None:
    tokens = sum(
        int(read_batches(folder).arrays(batch)["padding_mask"].sum()) for batch in read_batches(folder).epoch(0)
    )
    with ContestantProcess(PIPELINES["numpy-thread"], folder, 1, 120.0) as process:
        assert process.load() > 0
        for _ in range(2):
            reply = process.ask("read")
            assert reply["tokens"] == tokens
            assert reply["seconds"] > 0
        assert process.ask("memory")["peak_memory_bytes"] > 1e7
        with pytest.raises(ContestantError, match="AttributeError"):
            process.ask("train", times=1)
        process._process.kill()
        with pytest.raises(ContestantError, match="ended during 'read'"):
            process.ask("read")


def test_a_contestant_that_takes_too_long_is_ended(folder: Path) -> None:
    slow = ContestantProcess(Contestant("slow", "nothing:None", ""), folder, 1, 0.01)
    with slow as process, pytest.raises(ContestantError, match="ended during 'load'"):
        process.load()


def running(scale: float, loss: float = 2.0, error: str | None = None) -> Running:
    rounds = {"train": [4.0 * scale, 6.0 * scale, 4.0 * scale], "forward": [1.0 * scale, 1.0 * scale, 1.0 * scale]}
    first = {"train": 9.0, "forward": 3.0, "train value": loss, "forward value": 0.0}
    return Running(WORK, 1.5, first, {} if error else rounds, 10**8, error)


def students() -> dict[str, Running]:
    found = {name: running(1.0) for name in STUDENTS}
    found["torch-compile"] = running(0.5)
    found["keras-jax"] = running(0.25, loss=2.1)
    found["keras-torch"] = running(1.0, error="no memory")
    return found


def test_figures_of_the_students_by_hand() -> None:
    found = {student.name: student for student in student_results(students())}
    fast = found["torch-compile"]
    assert fast.train is not None
    assert fast.train.median_s == 2.0
    assert (fast.train.ratio.value, fast.train.ratio.low, fast.train.ratio.high) == (2.0, 2.0, 2.0)
    assert found["keras-torch"].error == "no memory"
    assert found["keras-jax"].status == "failed"  # twice as fast, but other work
    assert "2.100000" in str(found["keras-jax"].error)


def test_without_the_baseline_the_next_one_is_compared_with() -> None:
    entries = students() | {"torch-eager": running(1.0, error="gone")}
    found = {student.name: student for student in student_results(entries)}
    assert found["keras-tf-xla"].train is not None
    assert found["keras-tf-xla"].train.ratio.baseline == "torch-compile"
    assert found["keras-tf-xla"].train.ratio.value == 0.5


def test_a_mistake_is_measured() -> None:
    """NumPy's own message, counted by hand: one line, the traceback has this frame and the user's."""
    with pytest.raises(ValueError, match="matmul") as caught:
        layer(np.ones((2, 4)), np.ones((5, 3)))
    said = measure(caught.value)
    assert (said.message_lines, said.line_in_message, said.line_in_traceback) == (1, False, True)
    assert said.printed_lines == len("".join(traceback.format_exception(caught.value)).splitlines())
    assert said.shapes_named
    source = Path(layer.__code__.co_filename).read_text().splitlines()
    assert source[MISTAKE_LINE - 1].endswith("# the mistake")


def result() -> FrameworksResult:
    pipelines = {name: Running(WORK, 1.0, {"tokens": 900}, {"read": [0.5, 0.5, 0.25]}, 10**8) for name in PIPELINES}
    pipelines["tf-data"].rounds["read"] = [0.125, 0.125, 0.125]
    mistakes = [
        MistakeResult(
            name=name, label=contestant.label, error="ValueError", message_lines=1, printed_lines=lines,
            line_in_traceback=lines > 10, shapes_named=True, first_line="matmul",
        )
        for lines, (name, contestant) in enumerate(MISTAKES.items(), 10)
    ]  # fmt: skip
    return FrameworksResult(
        command="scripts/bench_frameworks",
        environment={"cpu": "a CPU", "versions": {"torch": "2", "keras": "3"}},
        workload=json.loads(json.dumps(TINY.__dict__)),
        rounds=3,
        threads=1,
        load_average=[0.1],
        students=student_results(students()),
        pipelines=pipeline_results(pipelines),
        mistakes=mistakes,
    )


def test_tables_show_every_contestant() -> None:
    found = result()
    rows = {row[0]: row for row in students_table(found).rows}
    assert rows["PyTorch torch.compile"][1:4] == ("2000.0", "2.00 [2.00, 2.00]", "9.00")
    assert rows["Keras on PyTorch"][1] == "failed: no memory"
    reading = {row[0]: row for row in pipelines_table(found).rows}
    assert reading["tf.data, prefetch"][1:3] == ("7,200", "4.00 [2.00, 4.00]")
    assert [row[4] for row in mistakes_table(found).rows] == ["no"] + ["in the traceback"] * 5
    assert students_table(found).markdown().count("\n") == len(STUDENTS) + 1


def test_plot_is_the_same_for_the_same_result() -> None:
    svg = frameworks_svg(result())
    assert svg == frameworks_svg(result())
    assert "Keras on TF XLA" in svg
    assert "DataLoader, 2 workers" in svg


def test_an_axis_of_less_than_a_decade_has_numbers() -> None:
    """Matplotlib's own numbers of a logarithmic axis are powers of ten alone."""
    svg = frameworks_svg(result())
    assert [step for step in (20, 50, 200, 500, 2000, 5000) if f">{step}</text>" in svg]


def test_answers_come_from_the_files_alone(tmp_path: Path) -> None:
    (tmp_path / "frameworks-a.json").write_text(result().model_dump_json())
    text = Path(write_page(tmp_path)["page"]).read_text()
    assert "PyTorch torch.compile is first, 2.00 [2.00, 2.00] times as fast as PyTorch eager" in text
    assert "prints 10 lines under PyTorch eager and 15 under JAX jit" in text
    assert "the first step takes 9.0 s against 9.0 s; this is earned back after 0 steps" in text
    assert "tf.data, prefetch: 7,200 tokens/s, 4.00 [2.00, 4.00] times the baseline" in text
    assert text.count("\n## ") == text.count("\nCommand: `") == text.count("\nNot measured: ") == 8
    # No figure is written into the program: with other raw values, other figures.
    changed = result().model_dump(mode="json")
    for student in changed["students"]:
        if student["train"]:
            student["train"]["median_s"] *= 3
    (tmp_path / "frameworks-a.json").write_text(json.dumps(changed))
    assert re.findall(r"[\d.]+", page(gather(tmp_path))) != re.findall(r"[\d.]+", text)


def test_a_gpu_result_gets_a_question_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "frameworks-a.json").write_text(result().model_dump_json())
    ratio = {"value": 0.5, "low": 0.4, "high": 0.6}
    one = {"label": "without torch.compile", "tokens_per_s": 1234.4, "mfu": 0.1, "peak_memory_bytes": 2e9}
    settings = {"eager": {**one, "of_tandem": ratio}, "flex": {"label": "FlexAttention", "error": "no memory"}}
    gpu = {
        "kind": "gpu", "device": "NVIDIA H0", "environment": {"versions": {"torch": "2"}},
        "workloads": {"full": {"workload": {"length": 2048, "vocabulary": 9}, "settings": settings}},
    }  # fmt: skip
    (tmp_path / "gpu-a.json").write_text(json.dumps(gpu))
    later = {**settings, "eager": {**settings["eager"], "error": "no memory", "of_tandem": None}}  # tells less
    of_later = {"full": {**gpu["workloads"]["full"], "settings": later}}
    (tmp_path / "gpu-b.json").write_text(json.dumps({**gpu, "workloads": of_later}))
    text = page(gather(tmp_path))
    assert "| without torch.compile | 1,234 | 10.0% | 0.50 [0.40, 0.60] | 2.0 |" in text
    assert "FlexAttention" not in text
    assert "CUDA graphs" not in text

    size = {"length": 1024, "mean_length": 44.2, "vocabulary": 9}
    recorded = {"micro-8": {**one, "label": "one CUDA graph", "of_tandem": ratio, "peak_memory_bytes": None}}
    gpu["workloads"] = {"short": {"workload": size, "settings": recorded}}
    (tmp_path / "gpu-c.json").write_text(json.dumps(gpu))
    text = page(gather(tmp_path))
    assert "rows of 44 tokens on average, packs of 1,024" in text
    assert "| one CUDA graph | 1,234 | 10.0% | 0.50 [0.40, 0.60] |  |" in text
    assert "without torch.compile" in text


def test_without_results_the_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(BENCH)):
        gather(tmp_path)
