"""ONNX Runtime on a file that torch.onnx.export writes from the model's Hugging Face folder, with a KV cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eval.engines.engine import EngineSpec, TokenEngine, count_params, describe_files, now, timing_prompt, until_stop
from eval.engines.made_file import made_file, model_files
from train.chat import ChatTokenizer
from train.errors import MissingExtraError

Array = npt.NDArray[Any]
MASKED = -1e9  # added to scores; finite, so that a row of padding stays a number


class OnnxEngine(TokenEngine):
    """`teacher-onnx` and `student-onnx`, fp32; batches are padded on the left."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.folder: Path = spec.run.teacher if spec.engine == "teacher-onnx" else spec.run.student / "hf"

    def load(self) -> None:
        inputs = model_files(self.folder)
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError(error.name or "onnxruntime", "bench", "The ONNX engine") from None
        self.tokenizer = ChatTokenizer.load(self.folder)
        writer = Path(__file__).with_name("onnx_file.py")
        self.path = made_file(self.spec.run, self.spec.engine, ".onnx", inputs, str(writer), self._write)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.spec.threads, 1
        options.log_severity_level = 3
        # Idle threads would spin on a core while another engine is timed.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        entries = self._session.get_inputs()
        self._past = [(entry.name, entry.shape) for entry in entries if entry.name.startswith("past_")]

    def _write(self, path: Path) -> None:
        try:
            import onnxscript  # noqa: F401  torch.onnx.export needs it and says so in other words

            from eval.engines.onnx_file import write_onnx
        except ImportError as error:
            raise MissingExtraError(error.name or "onnxscript", "bench", "Writing an ONNX file") from None
        write_onnx(self.folder, path)

    def generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        stop = self.tokenizer.stop_id
        ids, seen = _left_pad(prompts, self.tokenizer.pad_id)
        positions = np.maximum(np.cumsum(seen, 1) - 1, 0)
        past, done = self._empty(len(prompts)), np.zeros(len(prompts), bool)
        new: list[Array] = []
        for _ in range(max_new_tokens):
            logits, past = self._run(ids, positions, seen, past)
            ids = logits.argmax(-1)[:, None]
            new.append(ids)
            done |= ids[:, 0] == stop
            if done.all():
                break
            seen = np.concatenate([seen, np.ones_like(ids, bool)], 1)
            positions = positions[:, -1:] + 1
        return [until_stop(row, stop) for row in np.concatenate(new, 1).tolist()]

    def time_prefill(self, n_prompt: int) -> float:
        return self.time_decode(n_prompt, 1)[0]

    def time_decode(self, n_prompt: int, n_new: int) -> tuple[float, list[float]]:
        ids = np.array([timing_prompt(n_prompt, self.tokenizer.vocab_size)])
        seen, positions, past = np.ones_like(ids, bool), np.arange(n_prompt)[None], self._empty(1)
        seconds = []
        for _ in range(n_new):
            start = now()
            logits, past = self._run(ids, positions, seen, past)
            ids = logits.argmax(-1)[:, None]
            seconds.append(now() - start)
            seen, positions = np.concatenate([seen, np.ones_like(ids, bool)], 1), positions[:, -1:] + 1
        return seconds[0], seconds[1:]

    def describe(self) -> dict[str, Any]:
        return describe_files([self.path], "onnx", "fp32", count_params(self.folder))

    def _run(self, ids: Array, positions: Array, seen: Array, past: list[Array]) -> tuple[Array, list[Array]]:
        """Logits [B,V] after the last of ids [B,T], and the caches with them in; seen [B,P+T]: which are no padding."""
        columns = np.arange(seen.shape[1])
        causal = columns <= np.arange(seen.shape[1] - ids.shape[1], seen.shape[1])[:, None]
        mask = np.where(causal[None, None] & seen[:, None, None], np.float32(0), np.float32(MASKED))
        caches = {name: value for (name, _), value in zip(self._past, past, strict=True)}
        inputs = {"input_ids": ids.astype(np.int64), "position_ids": positions.astype(np.int64), "mask": mask}
        logits, *present = self._session.run(None, inputs | caches)
        return logits, present

    def _empty(self, batch: int) -> list[Array]:
        return [np.zeros((batch, shape[1], 0, shape[3]), np.float32) for _, shape in self._past]


def _left_pad(prompts: Sequence[list[int]], pad_id: int) -> tuple[Array, Array]:
    """Ids [B, longest], and which of them are no padding."""
    width = max(len(prompt) for prompt in prompts)
    ids = np.array([[pad_id] * (width - len(prompt)) + prompt for prompt in prompts])
    lengths = np.array([[len(prompt)] for prompt in prompts])
    return ids, np.arange(width) >= width - lengths
