"""The benchmark of real commands: speculative answers are the plain ones, figures by hand, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from eval.bench.ondevice.commands import A_ROUND, CONTESTANTS, CommandsBench, read_prompts, targets
from eval.bench.ondevice.figures import rate
from eval.bench.ondevice.model import write_random_model
from eval.bench.ondevice.result import CommandsResult, CommandsRunner
from eval.bench.ondevice.tables import commands_table
from eval.bench.ondevice.workload import OndeviceWorkload, write_workload
from train.errors import UserError
from train.runs import REPOSITORY

ROUNDS = 2
OURS = ["interpreter-int8", "compiled-int8", "interpreter-int8-speculative", "compiled-int8-speculative"]
THEIRS = ["llama-q8", "llama-q8-lookup", "llama-q8-speculative"]
ONE_A_CALL = ("ondevice.tflite:Tflite", "ondevice.gguf_runner:LlamaCpp")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("commands") / "model", "tiny")


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "t3.jsonl"
    texts = [f"open door {number}" for number in range(A_ROUND * (ROUNDS + 1))]
    rows = [{"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "{}"}]} for text in texts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def measure(model: Path, commands: Path, out: Path, names: list[str]) -> CommandsResult:
    command = [
        sys.executable, "-m", "eval.bench.ondevice", "--student", str(model), "--commands", str(commands),
        "--rounds", str(ROUNDS), "--window", "160", "--prompt", "16", "--keep", str(out / "files"),
        "--out", str(out / "result.json"), *(word for name in names for word in ("--only", name)),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return CommandsResult.model_validate_json((out / "result.json").read_text(encoding="utf-8"))


def check(result: CommandsResult) -> None:
    """All answer as the first one does, which takes one token per call; speculative ones take several."""
    assert {runner.status for runner in result.runners} == {"ok"}, result.runners
    plain = result.runners[0]
    assert plain.tokens is not None
    for runner in result.runners:
        assert (runner.same_answers, runner.tokens) == (ROUNDS * A_ROUND, plain.tokens), runner.name
        assert len(runner.token_s) == ROUNDS
        assert runner.calls is not None
        assert runner.calls <= plain.tokens
        assert (runner.calls == plain.tokens) == (CONTESTANTS[runner.name].contestant.work in ONE_A_CALL), runner.name


def test_ours_answer_the_same_in_fewer_calls(model: Path, commands: Path, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="extra mobile")
    pytest.importorskip("ai_edge_quantizer", reason="extra mobile")
    result = measure(model, commands, tmp_path, OURS)
    check(result)
    assert [line.name for line in result.targets] == ["real commands, int8 with speculative decoding vs without"]
    assert commands_table(result).rows[1][-1] == "40 of 40"


def test_llama_cpp_answers_the_same_in_fewer_calls(model: Path, commands: Path, tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="extra bench (llama-cpp-python)")
    pytest.importorskip("gguf", reason="extra torch")
    check(measure(model, commands, tmp_path, THEIRS))


def test_aims_are_of_seconds_a_token() -> None:
    def runner(name: str, token_s: list[float]) -> CommandsRunner:
        return CommandsRunner(
            name=name, label=name, runtime="r", dtype="d", status="ok", token_s=token_s,
            decode=rate([1 / value for value in token_s]), tokens=10, calls=5, same_answers=1,
        )  # fmt: skip

    sides = [runner("compiled-int8-speculative", [0.1, 0.2]), runner("llama-q8", [0.2, 0.4])]
    (line,) = targets({side.name: side for side in sides})
    assert (line.value, line.wanted, line.verdict) == (pytest.approx(2.0), 1.3, "met")
    assert targets({"llama-q8": sides[1]}) == []


def test_too_few_and_other_rows_are_refused(model: Path, commands: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has 60 rows; 61 are asked. Lower --rounds"):
        read_prompts(commands, model, 61)
    other = tmp_path / "other.jsonl"
    other.write_text('{"text": "open"}\n')
    with pytest.raises(UserError, match=r"other.jsonl is no chat JSONL"):
        read_prompts(other, model, 1)
    with pytest.raises(UserError, match=r"missing.jsonl is no chat JSONL"):
        read_prompts(tmp_path / "missing.jsonl", model, 1)
    command = [sys.executable, "-m", "eval.bench.ondevice", "--shape", "tiny", "--commands", str(commands)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--commands wants a model that was trained" in done.stderr


def test_a_kept_folder_of_another_model_is_refused(model: Path, commands: Path, tmp_path: Path) -> None:
    write_workload(tmp_path, OndeviceWorkload("elsewhere", "other"))
    bench = CommandsBench(tmp_path, OndeviceWorkload(str(model), "tiny", 16, 32, 160), commands, ROUNDS, 1, OURS, "")
    with pytest.raises(UserError, match="holds the files of another workload"):
        bench.measure()
