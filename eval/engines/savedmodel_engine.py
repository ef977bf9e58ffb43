"""The student's SavedModel through the signatures that TF Serving offers, without the server."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from eval.engines.engine import TokenEngine, count_params, describe_files, now, timing_prompt, until_stop
from eval.engines.made_file import made_file
from train.chat import ChatTokenizer
from train.errors import MissingExtraError

NO_STOP = -1


class SavedModelEngine(TokenEngine):
    """`student-savedmodel`: a whole answer a call, so its first token comes with the last."""

    def load(self) -> None:
        try:
            tf: Any = importlib.import_module("tensorflow")
        except ImportError:
            raise MissingExtraError("tensorflow", "tensorflow", "The SavedModel engine") from None
        self._tf = tf
        self.tokenizer = ChatTokenizer.load(self.spec.run.data / "tokenizer")
        inputs = [self.spec.run.student / "student.keras", self.spec.run.data / "tokenizer" / "tokenizer.json"]
        writer = Path(__file__).with_name("savedmodel_file.py")
        limit = self.config.eval.max_new_tokens
        self.path = made_file(self.spec.run, f"{self.spec.engine}-{limit}", "", inputs, str(writer), self._write)
        self._loaded = tf.saved_model.load(str(self.path))  # kept: the signature does not keep the variables
        self._generate: Any = self._loaded.signatures["generate"]

    def _write(self, path: Path) -> None:
        from eval.engines.savedmodel_file import write_savedmodel
        from train.keras_track.student import load_student

        backbone = load_student(self.spec.run.student / "student.keras").backbone
        tokenizer = self.tokenizer
        write_savedmodel(backbone, path, tokenizer.pad_id, tokenizer.stop_id, self.config.eval.max_new_tokens)

    def generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        stop, width = self.tokenizer.stop_id, max(len(prompt) for prompt in prompts)
        ids = np.array([prompt + [self.tokenizer.pad_id] * (width - len(prompt)) for prompt in prompts], np.int32)
        return [until_stop(row, stop) for row in self._call(ids, stop, max_new_tokens).tolist()]

    def time_prefill(self, n_prompt: int) -> float:
        return self.time_decode(n_prompt, 1)[0]

    def time_decode(self, n_prompt: int, n_new: int) -> tuple[float, list[float]]:
        ids = np.array([timing_prompt(n_prompt, self.tokenizer.vocab_size)], np.int32)
        start = now()
        self._call(ids, NO_STOP, n_new)
        return now() - start, []

    def describe(self) -> dict[str, Any]:
        files = sorted(path for path in self.path.rglob("*") if path.is_file())
        params = count_params(self.spec.run.student / "hf")
        return {
            **describe_files(files, "savedmodel", "fp32", params),
            "note": "answers in one piece: the time to the first token is that of the whole answer",
        }

    def _call(self, ids: Any, stop: int, new: int) -> Any:
        tf = self._tf
        output = self._generate(token_ids=tf.constant(ids), stop_id=tf.constant(stop), max_new_tokens=tf.constant(new))
        return output["new_ids"].numpy()
