"""llama.cpp on a GGUF file that this engine writes from the model's Hugging Face folder.

Tokens go in as ids, so that only the arithmetic is compared and no second tokenizer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from eval.engines.engine import EngineSpec, count_params, describe_files
from eval.engines.made_file import made_file, model_files
from eval.engines.step_engine import StepEngine
from train.chat import ChatTokenizer
from train.errors import MissingExtraError, UserError

BATCH = 512  # prompt tokens per call of llama.cpp


class GgufEngine(StepEngine):
    """`teacher-gguf-q8`, `student-gguf-q8`, `student-gguf-q4`."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        model, _, self.kind = spec.engine.split("-")
        self.folder: Path = spec.run.teacher if model == "teacher" else spec.run.student / "hf"

    def load(self) -> None:
        inputs = [*model_files(self.folder), self.folder / "tokenizer.json"]
        try:
            import llama_cpp

            from eval.engines import gguf_file
        except ImportError as error:
            raise MissingExtraError(error.name or "llama-cpp-python", "bench", "The llama.cpp engine") from None
        self.batch_size = 1
        self.window = self.config.data.max_length + self.config.eval.max_new_tokens
        self.window = max(self.window, self.config.eval.speed_prompt + self.config.eval.speed_tokens)
        self.tokenizer = ChatTokenizer.load(self.folder)
        self.path = made_file(
            self.spec.run, self.spec.engine, ".gguf", inputs, gguf_file.__file__,
            lambda path: gguf_file.write_gguf(self.folder, path, self.kind),
        )  # fmt: skip
        self._open(llama_cpp)

    def _open(self, llama_cpp: Any) -> None:
        try:
            self._model: Any = llama_cpp.Llama(
                str(self.path),
                n_ctx=self.window,
                n_batch=BATCH,
                n_threads=self.spec.threads,
                n_threads_batch=self.spec.threads,
                n_gpu_layers=0,
                logits_all=False,
                verbose=False,
            )
        except ValueError as error:
            raise UserError(
                f"llama.cpp can't read {self.path} ({error}). Delete it: it is then written again."
            ) from None
        self._api = llama_cpp

    def first(self, prompt: list[int]) -> int:
        self._model.reset()
        self._model.eval(prompt)
        return self._best()

    def step(self, token: int) -> int:
        self._model.eval([token])
        return self._best()

    def _best(self) -> int:
        """Greedy choice from the logits of the last token read."""
        pointer = self._api.llama_get_logits_ith(self._model.ctx, -1)
        return int(np.ctypeslib.as_array(pointer, shape=(self._model.n_vocab(),)).argmax())

    def describe(self) -> dict[str, Any]:
        return describe_files([self.path], "gguf", f"{self.kind}_0", count_params(self.folder))
