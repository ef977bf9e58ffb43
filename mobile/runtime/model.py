"""One exported .tflite file behind three calls: prefill, decode, generate.

The caches live in the input tensors of `decode`. After a step only the row just written is copied
back from the outputs, not the whole cache: three times the decode speed of feeding the outputs of
a signature runner to its next call (mobile/LOG.md).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ContextFullError, ModelError, PromptError
from .plan import Chunk, plan_prefill

Logits = npt.NDArray[np.float32]

MASKED = np.float32(-45824.0)  # added to scores; finite, so that a row of padding stays a number, and fits float16


class Model:
    """A decoder with a KV cache of `window` tokens. One conversation at a time; not thread-safe.

    Example:
        model = Model(Path("mobile/student-int8.tflite"))
        ids = list(model.generate(prompt_ids, max_new_tokens=64, stop_ids={2}, sampler=Sampler()))
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Loads `path`; ModelError where it is missing, damaged, or has other signatures than the export writes."""
        self.path = path
        self._interpreter = _load(path, threads)
        names = list(self._interpreter.get_signature_list())
        self.buckets = sorted(int(name.removeprefix("prefill_")) for name in names if name.startswith("prefill_"))
        if "decode" not in names:
            raise ModelError(f"{path} has the signatures {sorted(names)} and no 'decode': it is no exported student.")
        self._find_tensors()
        self.reset()

    def _find_tensors(self) -> None:
        """Indices of decode's tensors: subgraph 0, which alone can be invoked without copying every tensor."""
        runner = self._interpreter.get_signature_runner("decode")
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        primary = {(entry["index"], entry["name"]) for entry in self._interpreter.get_input_details()}
        if {(entry["index"], entry["name"]) for entry in inputs.values()} != primary or "logits" not in outputs:
            raise ModelError(f"{self.path}: 'decode' is not the first subgraph, or has no 'logits'. Export it again.")
        self._inputs = {name: int(entry["index"]) for name, entry in inputs.items()}
        self._logits = int(outputs["logits"]["index"])
        self.window = int(inputs["mask"]["shape"][-1])
        self.vocab_size = int(outputs["logits"]["shape"][-1])
        tensor: Callable[[int], Callable[[], npt.NDArray[Any]]] = self._interpreter.tensor
        self._views = {
            name: (tensor(self._inputs[name]), tensor(int(outputs[name]["index"])))
            for name in inputs
            if name.startswith("kv_cache_")
        }

    def reset(self) -> None:
        """Forgets everything read so far."""
        self.position = 0
        self._mask = np.full((1, 1, 1, self.window), MASKED, dtype=np.float32)
        # Old rows are masked out, but 0 times a NaN left in a buffer would still be NaN.
        for source, _ in self._views.values():
            source()[...] = 0.0

    def prefill(self, ids: Sequence[int]) -> None:
        """Reads ids into the cache. ContextFullError, before anything is written, where they do not fit."""
        self._check_ids(ids)
        for chunk in plan_prefill(len(ids), self.position, self.buckets, self.window):
            part = ids[chunk.start : chunk.start + chunk.count]
            if chunk.bucket in self.buckets:
                self._prefill_chunk(part, chunk)
            else:
                self.decode(part[0])

    def decode(self, token: int) -> Logits:
        """Reads one id; logits [V] for the next."""
        self._check_ids([token])
        if self.position >= self.window:
            raise ContextFullError(
                f"The window of {self.window} tokens is full. Start over with reset(), or export with a larger window."
            )
        at = self.position
        self._mask[..., at] = 0.0  # a token sees itself
        interpreter = self._interpreter
        interpreter.set_tensor(self._inputs["tokens"], np.array([[token]], dtype=np.int32))
        interpreter.set_tensor(self._inputs["input_pos"], np.array([at], dtype=np.int32))
        interpreter.set_tensor(self._inputs["mask"], self._mask)
        interpreter.invoke()
        self._keep({name: result() for name, (_, result) in self._views.items()}, 1)
        logits: Logits = interpreter.get_tensor(self._logits)[0, 0]
        return logits

    def generate(
        self,
        ids: Sequence[int],
        max_new_tokens: int,
        stop_ids: Collection[int],
        sampler: Callable[[Logits], int],
    ) -> Iterator[int]:
        """Reads `ids` after what is in the cache, then yields new ids as they come, without the stop id.

        Raises PromptError for an empty prompt and ContextFullError where the prompt does not fit
        or the window is full before a stop id came.
        """
        if not ids:
            raise PromptError("The prompt is empty: at least one token is needed.")
        self._check_ids(ids)
        if self.position + len(ids) > self.window:
            raise ContextFullError(
                f"The prompt has {len(ids)} tokens, but only {self.window - self.position} of the window's "
                f"{self.window} are free. Shorten it, or export with a larger window."
            )
        self.prefill(ids[:-1])
        logits = self.decode(ids[-1])
        for step in range(max_new_tokens):
            token = sampler(logits)
            if token in stop_ids:
                return
            yield token
            if step + 1 < max_new_tokens:
                logits = self.decode(token)

    def signatures(self) -> dict[str, dict[str, dict[str, int]]]:
        """Signature to tensor indices in its subgraph, for bindings that know no signatures."""
        found = {}
        for name in sorted(self._interpreter.get_signature_list()):
            runner = self._interpreter.get_signature_runner(name)
            details = {"inputs": runner.get_input_details(), "outputs": runner.get_output_details()}
            found[name] = {
                side: {tensor: int(entry["index"]) for tensor, entry in sorted(entries.items())}
                for side, entries in details.items()
            }
        return found

    def _prefill_chunk(self, ids: Sequence[int], chunk: Chunk) -> None:
        tokens = np.zeros((1, chunk.bucket), dtype=np.int32)
        tokens[0, : chunk.count] = ids
        positions = np.arange(chunk.position, chunk.position + chunk.bucket, dtype=np.int32)
        allowed = np.arange(self.window) <= positions[:, None]
        mask = np.where(allowed, np.float32(0.0), MASKED)[None, None]
        # Made for this call alone: while a runner lives, the interpreter refuses invoke().
        runner = self._interpreter.get_signature_runner(f"prefill_{chunk.bucket}")
        caches = {name: source() for name, (source, _) in self._views.items()}
        self._keep(runner(tokens=tokens, input_pos=positions, mask=mask, **caches), chunk.count)

    def _keep(self, results: dict[str, npt.NDArray[Any]], count: int) -> None:
        """Takes over the `count` cache rows that a call has written; rows of padding are left behind."""
        rows = slice(self.position, self.position + count)
        for name, (source, _) in self._views.items():
            if name.startswith("kv_cache_k_"):
                source()[:, :, rows] = results[name][:, :, rows]
            else:
                source()[..., rows] = results[name][..., rows]
        self.position += count
        self._mask[..., rows] = 0.0

    def _check_ids(self, ids: Sequence[int]) -> None:
        wrong = [token for token in ids if not 0 <= token < self.vocab_size]
        if wrong:
            raise PromptError(
                f"Token id {wrong[0]} is outside the model's vocabulary of {self.vocab_size}: "
                "the tokenizer is of another model."
            )


def _load(path: Path, threads: int) -> Any:
    if not path.is_file():
        raise ModelError(f"{path} does not exist. Copy the whole exported folder to the device.")
    try:
        interpreter = _interpreter_class()(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(
            f"{path} cannot be loaded ({error}). The file is damaged or of a newer format; copy it again."
        ) from error
    return interpreter


def _interpreter_class() -> Any:
    for library in ("ai_edge_litert", "tflite_runtime"):
        try:
            return importlib.import_module(f"{library}.interpreter").Interpreter
        except ImportError:
            continue
    raise ModelError("Neither ai-edge-litert nor tflite-runtime is installed. Install one: pip install ai-edge-litert")
