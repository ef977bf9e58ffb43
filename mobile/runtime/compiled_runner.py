"""A file on LiteRT's CompiledModel. Each cache is one buffer, given as input and as output of every signature.

The cache write is in place then: nothing is copied between the steps, whatever the window (mobile/LOG.md).
"""

from __future__ import annotations

import ctypes
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ModelError
from .runner import Logits, bucket_sizes, damaged, quiet, verify_size


class CompiledRunner:
    """See `runner.Runner`."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._path = path
        self._model = _load(path, threads)
        names = self._model.get_signature_list()
        self.buckets = bucket_sizes(path, list(names))
        details = self._model.get_input_tensor_details("decode")
        outputs = self._model.get_output_tensor_details("decode")
        if "logits" not in outputs:
            raise ModelError(f"{path}: 'decode' has no 'logits'. Export it again.")
        self.window = int(details["mask"]["shape"][-1])
        self.vocab_size = int(outputs["logits"]["shape"][-1])
        self._shapes = {name: entry["shape"] for name, entry in details.items() if name.startswith("kv_cache_")}
        self._caches = {name: self._model.create_input_buffer_by_name("decode", name) for name in self._shapes}
        self.verify_size = verify_size(list(names))
        verify = [f"verify_{self.verify_size}"] if self.verify_size else []
        called = ["decode", *(f"prefill_{size}" for size in self.buckets), *verify]
        self._buffers = {name: self._bind(name) for name in called}
        with quiet():  # the first write of a process makes a second environment, with the same notes
            self.clear()

    def _bind(self, signature: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Buffers of a signature by name: the caches are the same ones everywhere."""
        names = self._model.get_signature_list()[signature]
        model = self._model
        inputs = {n: self._caches.get(n) or model.create_input_buffer_by_name(signature, n) for n in names["inputs"]}
        outputs = {n: self._caches.get(n) or model.create_output_buffer_by_name(signature, n) for n in names["outputs"]}
        return inputs, outputs

    def clear(self) -> None:
        for name, shape in self._shapes.items():
            self._caches[name].write(np.zeros(shape, dtype=np.float32))

    def prefill(self, bucket: int, tokens: npt.NDArray[Any], positions: npt.NDArray[Any], mask: Logits) -> None:
        self._run(f"prefill_{bucket}", tokens, positions, mask)

    def decode(self, token: int, position: int, mask: Logits) -> Logits:
        tokens = np.array([[token]], dtype=np.int32)
        outputs = self._run("decode", tokens, np.array([position], dtype=np.int32), mask)
        logits: Logits = outputs["logits"].read(self.vocab_size, np.float32)
        return logits

    def verify(self, tokens: npt.NDArray[Any], positions: npt.NDArray[Any], mask: Logits) -> Logits:
        outputs = self._run(f"verify_{self.verify_size}", tokens, positions, mask)
        logits: Logits = outputs["logits"].read(self.verify_size * self.vocab_size, np.float32)
        return logits.reshape(self.verify_size, self.vocab_size)

    def _run(
        self, signature: str, tokens: npt.NDArray[Any], positions: npt.NDArray[Any], mask: Logits
    ) -> dict[str, Any]:
        inputs, outputs = self._buffers[signature]
        inputs["tokens"].write(tokens)
        inputs["input_pos"].write(positions)
        inputs["mask"].write(mask)
        self._model.run_by_name(signature, inputs, outputs)
        return outputs

    def signatures(self) -> dict[str, dict[str, dict[str, int]]]:
        found = {}
        for name in sorted(self._model.get_signature_list()):
            details = {
                "inputs": self._model.get_input_tensor_details(name),
                "outputs": self._model.get_output_tensor_details(name),
            }
            found[name] = {
                side: {tensor: int(entry["index"]) for tensor, entry in sorted(entries.items())}
                for side, entries in details.items()
            }
        return found


def _load(path: Path, threads: int) -> Any:
    from ai_edge_litert.compiled_model import CompiledModel, CpuOptions, HardwareAccelerator, Options
    from ai_edge_litert.interpreter import Interpreter

    # XNNPACK packs the weights anew for each signature, unless it may keep them in a file: then once for all (12 MB
    # less of 92 for a model of 5.4 MB). It has mapped the file when the model is open, so the name can go.
    with tempfile.TemporaryDirectory(prefix="tandem-", ignore_cleanup_errors=True) as folder:
        cpu = CpuOptions(num_threads=threads, xnnpack_weight_cache_path=str(Path(folder) / "weights"))
        options = Options(hardware_accelerators=HardwareAccelerator.CPU, cpu_options=cpu)
        try:
            with quiet():
                Interpreter(model_path=str(path))  # refuses a damaged file; CompiledModel ends the process on one
                return CompiledModel.from_file(str(path), environment=_environment(), options=options)
        except (ValueError, RuntimeError) as error:
            raise damaged(path, error) from error


@lru_cache(maxsize=1)
def _environment() -> Any:
    """One for the process, and never freed: LiteRT would write notes about it to stderr when Python ends."""
    from ai_edge_litert.environment import Environment

    environment = Environment.create()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(environment.capsule))
    return environment
