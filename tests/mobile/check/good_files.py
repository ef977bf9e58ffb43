"""Writes the files that the linter's tests start from: run as a child, because TensorFlow converts them.

fp32.tflite, int8.tflite (this project's export of a random student, windows of 48, prefill_4, prefill_16, verify_8),
tokenizer.json, and vendors/ (vendor_layouts.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.mobile.conftest import REPOSITORY, make_student, make_tokenizer

PREFILL, WINDOW, VERIFY = (4, 16), 48, 8


def make(folder: Path) -> None:
    """Fills `folder` in a child process."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.mobile.check.good_files", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr[-3000:]


def main(folder: Path) -> None:
    from mobile.export.convert import convert
    from mobile.export.quantize import quantize
    from mobile.export.weights import read_weights
    from tests.mobile.check.vendor_layouts import write_all

    make_student(folder / "hf", seed=1)
    make_tokenizer(folder / "tokenizer" / "tokenizer.json")
    weights = read_weights(folder / "hf")
    model = convert(weights, PREFILL, WINDOW, VERIFY)
    (folder / "fp32.tflite").write_bytes(model)
    (folder / "int8.tflite").write_bytes(quantize(model, "int8", weights.shape))
    (folder / "vendors").mkdir()
    write_all(folder / "vendors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
