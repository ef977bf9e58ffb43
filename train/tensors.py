"""The tensors of a Hugging Face folder as float32 NumPy arrays, read without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from train.errors import MissingExtraError, UserError

Array = npt.NDArray[np.float32]
NUMPY_TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16}


def read_tensors(folder: Path) -> dict[str, Array]:
    """Every tensor of `folder`/*.safetensors by name; float16, bfloat16 and float64 become float32.

    Raises UserError where there is no such file, one is damaged, or a tensor has a type that weights do not have.
    """
    try:
        import safetensors
    except ImportError as error:
        raise MissingExtraError("safetensors", "mobile", "Reading weights") from error
    library: Any = safetensors  # its compiled functions have no types
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UserError(f"{folder} holds no .safetensors file. Save the model again (pickled weights are not read).")
    tensors: dict[str, Array] = {}
    for file in files:
        try:
            entries = library.deserialize(file.read_bytes())
        except (library.SafetensorError, OSError) as error:
            raise UserError(f"{file} cannot be read by safetensors ({error}). Save the model again.") from error
        tensors.update({name: _float32(entry, name, file) for name, entry in entries})
    return tensors


def _float32(entry: dict[str, Any], name: str, file: Path) -> Array:
    kind, data = entry["dtype"], entry["data"]
    if kind == "BF16":  # NumPy has no such type: it is the upper half of a float32
        wide = np.frombuffer(data, dtype=np.uint16).astype(np.uint32) << 16
        return wide.view(np.float32).reshape(entry["shape"])
    if kind not in NUMPY_TYPES:
        raise UserError(f"{file}: tensor '{name}' has the type {kind}. Save the model in float32, float16 or bfloat16.")
    return np.frombuffer(data, dtype=NUMPY_TYPES[kind]).astype(np.float32).reshape(entry["shape"])
