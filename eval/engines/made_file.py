"""Files that an engine makes for itself from a model folder (.onnx, .gguf, a SavedModel): made once, by fingerprint.

They lie in eval/made/ of the run. The name carries a hash of the weights, the config and the code that wrote them, so
a new student or a changed writer gives a new file and the old one goes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from train.atomic import sha256_file, sha256_json, whole_file, whole_folder
from train.errors import UserError
from train.runs import RunFolder


def made_file(
    run: RunFolder, stem: str, ending: str, inputs: Sequence[Path], code: str, write: Callable[[Path], None]
) -> Path:
    """The file `eval/made/<stem>-<hash><ending>`, written by `write` to a temporary path where it is not there yet.

    Args:
        ending: ".onnx"; "" for a folder.
        inputs: files the result depends on. UserError names the first that is missing.
        code: the source file of the writer (`__file__`).
    """
    missing = [path for path in inputs if not path.is_file()]
    if missing:
        raise UserError(f"{missing[0]} is missing, from which {stem} is made: run the stage that makes it first.")
    key = sha256_json([sha256_file(path) for path in (*inputs, Path(code))])[:12]
    path = run.eval / "made" / f"{stem}-{key}{ending}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob(f"{stem}-*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        with (whole_file if ending else whole_folder)(path) as temporary:
            write(temporary)
    return path


def model_files(folder: Path) -> list[Path]:
    """What the model of a Hugging Face folder is: config.json and the weights. UserError without weights."""
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise UserError(f"No model at {folder} (no .safetensors file): run the earlier stages first.")
    return [folder / "config.json", *weights]
