"""The Keras engine, in a child process: TensorFlow and PyTorch never share one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from train.runs import REPOSITORY, RunFolder


def test_cached_batches_are_greedy_choices_of_whole_forward_passes(
    run_folder: RunFolder, tokenizer_folder: Path
) -> None:
    shutil.copytree(tokenizer_folder, run_folder.data / "tokenizer")
    command = [sys.executable, "-m", "tests.eval.child_keras_engine", str(run_folder.path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["got"] == found["expected"]
    assert len({len(ids) for ids in found["expected"]}) > 1, "rows should end at different steps"
    assert found["ttft"] > 0
    assert len(found["seconds"]) == 4
    layer = 32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 48 + 2 * 32
    assert found["params"] == 320 * 32 + 2 * layer + 32
    assert (found["format"], found["dtype"]) == ("keras", "fp32")
    assert found["bytes"] == (run_folder.student / "student.keras").stat().st_size
