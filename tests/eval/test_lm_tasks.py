"""lm-eval's tasks over an engine: likelihoods equal to PyTorch's, a task from a local file, wrong names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from eval.engines.registry import spec_of
from eval.engines.torch_engine import TeacherEngine
from eval.lm_tasks import TASKS, _adapter, evaluate, known_tasks, run_tasks
from tests.conftest import TINY
from train.config import Config
from train.errors import UserError
from train.runs import RunFolder

pytest.importorskip("lm_eval", reason="lm-eval tasks need the extra 'bench'")

PAIRS = [("turn on the light", " 7 in the hall"), ("turn off the fan ", "12"), ("", "attic")]


@pytest.fixture
def engine(run_folder: RunFolder, tokenizer_folder: Path, config: Config) -> TeacherEngine:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {**TINY.model_dump(), "vocab_size": 320, "tie_word_embeddings": True, "initializer_range": 0.3}
    LlamaForCausalLM(LlamaConfig(**shape)).save_pretrained(run_folder.teacher)
    shutil.copy(tokenizer_folder / "tokenizer.json", run_folder.teacher)
    made = TeacherEngine(spec_of("teacher-eager", run_folder, config, 1))
    made.load()
    return made


def by_torch(engine: TeacherEngine, context: list[int], continuation: list[int]) -> tuple[float, bool]:
    import torch

    with torch.no_grad():
        logits = engine._model(torch.tensor([context + continuation])).logits[0, len(context) - 1 : -1]
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(continuation), reduction="sum")
    return -float(loss), logits.argmax(-1).tolist() == continuation


class Request:
    def __init__(self, *args: Any) -> None:
        self.args = args


def test_likelihoods_are_those_of_torch(engine: TeacherEngine) -> None:
    model, text = _adapter(engine), engine.tokenizer.text
    found = model.loglikelihood([Request(*pair) for pair in PAIRS], disable_tqdm=True)
    for (value, greedy), (context, continuation) in zip(found, PAIRS, strict=True):
        whole = text(context.rstrip() + (" " if context.endswith(" ") else "") + continuation)
        start = text(context.rstrip()) or [engine.tokenizer.pad_id]
        rest = whole[len(start) :] if context else whole
        expected = by_torch(engine, start, rest)
        assert (value, greedy) == (pytest.approx(expected[0], rel=1e-5), expected[1])
    [rolling] = model.loglikelihood_rolling([Request("turn on the light")])
    assert rolling == pytest.approx(by_torch(engine, [engine.tokenizer.pad_id], text("turn on the light"))[0], rel=1e-5)


def test_greedy_continuation_is_called_greedy(engine: TeacherEngine) -> None:
    model = _adapter(engine)
    start = engine.tokenizer.text("turn on")
    [written] = engine.generate([start], 4)
    [(_, greedy)] = model._loglikelihood_tokens([(("", ""), start, written)])
    assert greedy
    wrong = [*written[:-1], (written[-1] + 1) % 320]
    assert not model._loglikelihood_tokens([(("", ""), start, wrong)])[0][1]


def test_generation_stops_where_the_task_says(engine: TeacherEngine) -> None:
    model = _adapter(engine)
    [free] = model.generate_until([Request("turn on", {"max_gen_toks": 6})])
    middle = free[len(free) // 2]
    [cut] = model.generate_until([Request("turn on", {"max_gen_toks": 6, "until": [middle]})])
    assert cut == free[: free.index(middle)]


def test_a_task_of_a_local_file(engine: TeacherEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = [json.loads(line) for line in (TASKS / "everyday.jsonl").read_text().splitlines()]
    found = evaluate(engine, ["everyday"], TASKS)["everyday"]
    right = 0
    for row in rows:
        context = engine.tokenizer.text(f"Question: {row['question']}\nAnswer:")
        values = []
        for choice in row["choices"]:
            whole = engine.tokenizer.text(f"Question: {row['question']}\nAnswer: {choice}")
            values.append(by_torch(engine, context, whole[len(context) :])[0])
        right += values.index(max(values)) == row["answer"]
    assert (found["rows"], found["acc"]) == (len(rows), pytest.approx(right / len(rows)))
    low, high = found["acc_interval"]
    assert low < found["acc"] < high


def test_a_folder_relative_to_the_current_one(
    engine: TeacherEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(TASKS.parents[1])
    assert evaluate(engine, [], Path("eval/tasks"))["everyday"]["rows"] > 0


def test_what_is_wrong_is_told_before_the_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")  # no model anywhere
    folder = tmp_path / "tasks"
    with pytest.raises(UserError, match=r"--on has the unknown engine 'nope'"):
        run_tasks(tmp_path, "nope", [])
    with pytest.raises(UserError, match=rf"There is no folder {folder} \(--folder\)"):
        run_tasks(tmp_path, "teacher-eager", [], folder)
    folder.mkdir()
    with pytest.raises(UserError, match=rf"{folder} \(--folder\) holds no task"):
        run_tasks(tmp_path, "teacher-eager", [], folder)
    (folder / "bad.yaml").write_text("task: [a\n")
    with pytest.raises(UserError, match=r"bad\.yaml:\d is not valid YAML"):
        run_tasks(tmp_path, "teacher-eager", [], folder)


def test_unknown_task_and_engine_without_probabilities(engine: TeacherEngine) -> None:
    assert known_tasks(TASKS) == ["everyday"]
    with pytest.raises(UserError, match=r"no task 'mmlu' \(--task\)\. Tasks here: everyday"):
        evaluate(engine, ["mmlu"], TASKS)
    with pytest.raises(UserError, match="gives no probabilities"):
        evaluate(object(), [], TASKS)
