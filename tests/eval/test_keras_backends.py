"""The student's file on each Keras back end and as a SavedModel, against greedy choices of whole forward passes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eval.client import EngineWorker
from eval.engines.engine import until_stop
from eval.engines.registry import spec_of
from tests.conftest import tiny_config, toy_rows
from train.chat import ChatTokenizer
from train.runs import REPOSITORY, RunFolder

pytestmark = pytest.mark.slow  # three imports of TensorFlow or Keras
Found = tuple[RunFolder, dict[str, Any], list[list[int]]]
LOSS_ROWS = [[row["messages"][:1], row["messages"][1]["content"]] for row in toy_rows(3, seed=8)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path) -> Found:
    """A run with a student, what child_serving.py says about it, and the expected ids up to the stop id."""
    run = RunFolder(tmp_path_factory.mktemp("backends") / "tiny")
    shutil.copytree(tokenizer_folder, run.data / "tokenizer")
    command = [sys.executable, "-m", "tests.eval.child_serving", str(run.path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    return run, said, [until_stop(ids, said["stop"]) for ids in said["expected"]]


@pytest.fixture(scope="module")
def loss_on_tensorflow(found: Found) -> dict[str, float]:
    """Of the reference answers, on the back end that trains the student."""
    run = found[0]
    with EngineWorker(spec_of("student-keras", run, tiny_config(run.path.parent), 1)) as worker:
        worker.load()
        loss: dict[str, float] = worker.likelihood(LOSS_ROWS, None, 64, None)["answers"]
    return loss


def test_saved_model_served_over_http(found: Found) -> None:
    _, said, expected = found
    assert len({len(prompt) for prompt in said["prompts"]}) > 1, "rows of one length would not test the padding"
    assert [until_stop(ids, said["stop"]) for ids in said["served"]] == expected
    assert said["engine"] == expected
    assert said["timing"][0] > 0
    assert said["timing"][1] == []
    assert said["format"] == "savedmodel"


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_back_ends(backend: str, found: Found, loss_on_tensorflow: dict[str, float]) -> None:
    """Through a worker, whose environment chooses the back end."""
    pytest.importorskip(backend, reason="needs the extra 'torch' or 'bench'")
    run, _, expected = found
    tokenizer = ChatTokenizer.load(run.data / "tokenizer")
    config = tiny_config(run.path.parent, eval={"batch_size": 4, "max_new_tokens": 10})
    with EngineWorker(spec_of(f"student-keras-{backend}", run, config, 1)) as worker:
        worker.load()
        asked = [row["messages"][:1] for row in toy_rows(4, seed=7)]
        answers = [answer for batch in worker.answer(asked, 10) for answer in batch]
        assert len(worker.time(8, 4).per_token_s) == 3
        found_loss = worker.likelihood(LOSS_ROWS, None, 64, None)["answers"]
    assert found_loss["tokens"] == loss_on_tensorflow["tokens"]
    assert found_loss["nll"] == pytest.approx(loss_on_tensorflow["nll"], rel=1e-4)
    texts = [tokenizer.decode([token for token in ids if token != tokenizer.stop_id]) for ids in expected]
    assert [answer.text for answer in answers] == texts
    assert [answer.tokens for answer in answers] == [len(ids) for ids in expected]
