"""A file on the Interpreter of ai-edge-litert or tflite-runtime.

The caches live in the input tensors of `decode`. After a step only the row just written is copied
back from the outputs, not the whole cache: three times the decode speed of feeding the outputs of
a signature runner to its next call (mobile/LOG.md).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ModelError
from .runner import Logits, bucket_sizes, damaged, quiet, verify_size


class InterpreterRunner:
    """See `runner.Runner`."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._path = path
        self._interpreter = _load(path, threads)
        names = list(self._interpreter.get_signature_list())
        self.buckets, self.verify_size = bucket_sizes(path, names), verify_size(names)
        self._find_tensors()

    def _find_tensors(self) -> None:
        """Indices of decode's tensors: subgraph 0, which alone can be invoked without copying every tensor."""
        runner = self._interpreter.get_signature_runner("decode")
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        primary = {(entry["index"], entry["name"]) for entry in self._interpreter.get_input_details()}
        if {(entry["index"], entry["name"]) for entry in inputs.values()} != primary or "logits" not in outputs:
            raise ModelError(f"{self._path}: 'decode' is not the first subgraph, or has no 'logits'. Export it again.")
        self._inputs = {name: int(entry["index"]) for name, entry in inputs.items()}
        self._logits = int(outputs["logits"]["index"])
        self.window = int(inputs["mask"]["shape"][-1])
        self.vocab_size = int(outputs["logits"]["shape"][-1])
        tensor: Callable[[int], Callable[[], npt.NDArray[Any]]] = self._interpreter.tensor
        self._caches = {
            name: (tensor(self._inputs[name]), tensor(int(outputs[name]["index"])))
            for name in inputs
            if name.startswith("kv_cache_")
        }

    def clear(self) -> None:
        for source, _ in self._caches.values():
            source()[...] = 0.0

    def prefill(self, bucket: int, tokens: npt.NDArray[Any], positions: npt.NDArray[Any], mask: Logits) -> None:
        self._call(f"prefill_{bucket}", tokens, positions, mask)

    def decode(self, token: int, position: int, mask: Logits) -> Logits:
        interpreter = self._interpreter
        interpreter.set_tensor(self._inputs["tokens"], np.array([[token]], dtype=np.int32))
        interpreter.set_tensor(self._inputs["input_pos"], np.array([position], dtype=np.int32))
        interpreter.set_tensor(self._inputs["mask"], mask)
        interpreter.invoke()
        self._keep({name: result() for name, (_, result) in self._caches.items()}, position, 1)
        logits: Logits = interpreter.get_tensor(self._logits)[0, 0]
        return logits

    def verify(self, tokens: npt.NDArray[Any], positions: npt.NDArray[Any], mask: Logits) -> Logits:
        logits: Logits = self._call(f"verify_{self.verify_size}", tokens, positions, mask)["logits"][0]
        return logits

    def _call(
        self, signature: str, tokens: npt.NDArray[Any], positions: npt.NDArray[Any], mask: Logits
    ) -> dict[str, npt.NDArray[Any]]:
        # Made for this call alone: while a runner lives, the interpreter refuses invoke().
        runner = self._interpreter.get_signature_runner(signature)
        caches = {name: source() for name, (source, _) in self._caches.items()}
        results: dict[str, npt.NDArray[Any]] = runner(tokens=tokens, input_pos=positions, mask=mask, **caches)
        self._keep(results, int(positions[0]), len(positions))
        return results

    def _keep(self, results: dict[str, npt.NDArray[Any]], position: int, count: int) -> None:
        """Takes over the cache rows that a call has written."""
        rows = slice(position, position + count)
        for name, (source, _) in self._caches.items():
            if name.startswith("kv_cache_k_"):
                source()[:, :, rows] = results[name][:, :, rows]
            else:
                source()[..., rows] = results[name][..., rows]

    def signatures(self) -> dict[str, dict[str, dict[str, int]]]:
        found = {}
        for name in sorted(self._interpreter.get_signature_list()):
            runner = self._interpreter.get_signature_runner(name)
            details = {"inputs": runner.get_input_details(), "outputs": runner.get_output_details()}
            found[name] = {
                side: {tensor: int(entry["index"]) for tensor, entry in sorted(entries.items())}
                for side, entries in details.items()
            }
        return found


def _load(path: Path, threads: int) -> Any:
    interpreter_class = _interpreter_class()
    try:
        with quiet():
            interpreter = interpreter_class(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise damaged(path, error) from error
    return interpreter


def _interpreter_class() -> Any:
    for library in ("ai_edge_litert", "tflite_runtime"):
        try:
            return importlib.import_module(f"{library}.interpreter").Interpreter
        except ImportError:
            continue
    raise ModelError("Neither ai-edge-litert nor tflite-runtime is installed. Install one: pip install ai-edge-litert")
