"""The student as it was trained: Keras on TensorFlow, with KerasHub's own cache.

Shapes are few and static, so that each of them is traced once: batches are filled up to `eval.batch_size`
and lengths rounded up.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from eval.engines.engine import TokenEngine, describe_files, now, timing_prompt, until_stop
from eval.engines.likelihood import LogProbs, log_softmax
from train.chat import ChatTokenizer

LENGTH_STEP = 32


class KerasEngine(TokenEngine):
    """`student-keras`: the `.keras` file of the distillation."""

    def path(self) -> Path:
        return self.spec.run.student / "student.keras"

    def load(self) -> None:
        # MissingExtraError where TensorFlow or Keras is not installed. Threads are set by the worker's environment:
        # importing Keras runs operations, after which TensorFlow refuses to change them.
        from train.keras_track.student import load_student

        self.tokenizer = ChatTokenizer.load(self.spec.run.data / "tokenizer")
        self.adopt(load_student(self.path()).backbone)

    def adopt(self, backbone: Any) -> None:
        """Takes a KerasHub LlamaBackbone and makes the compiled steps over its cache."""
        from keras_hub.models import LlamaCausalLM

        self.backbone = backbone
        causal_lm: Any = LlamaCausalLM
        self._lm = causal_lm(backbone=backbone, preprocessor=None)
        self._lm.compile(sampler="greedy", jit_compile=False)
        # LlamaCausalLM.call_with_cache: logits, hidden states, cache [B, layers, 2, S, KV heads, head width].
        self._step = self.compiled_step()

    def compiled_step(self) -> Any:
        """`call_with_cache` as this back end runs it best."""
        from train.keras_track.backend import tf

        return tf.function(self._lm.call_with_cache, jit_compile=False)

    def generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        longest = max(len(prompt) for prompt in prompts)
        width = math.ceil((longest + max_new_tokens) / LENGTH_STEP) * LENGTH_STEP
        rows = prompts + [prompts[0]] * (self.batch_size - len(prompts))  # one traced shape a width
        ids = np.full((len(rows), width), self.tokenizer.pad_id, np.int32)
        mask = np.zeros((len(rows), width), bool)
        for index, row in enumerate(rows):
            ids[index, : len(row)], mask[index, : len(row)] = row, True
        stop = self.tokenizer.stop_id
        output = self._lm.generate({"token_ids": ids, "padding_mask": mask}, stop_token_ids=(stop,))
        new = [row[len(prompt) :] for row, prompt in zip(np.asarray(output["token_ids"]), prompts, strict=False)]
        return [until_stop(row[:max_new_tokens].tolist(), stop) for row in new]

    def log_probs(self, ids: list[int], start: int) -> LogProbs:
        from keras import ops

        width = math.ceil(len(ids) / LENGTH_STEP) * LENGTH_STEP  # few shapes, few traces
        tokens = np.full((1, width), self.tokenizer.pad_id, np.int32)
        tokens[0, : len(ids)] = ids
        mask = np.arange(width)[None] < len(ids)
        logits = self._lm({"token_ids": tokens, "padding_mask": mask})
        return log_softmax(ops.convert_to_numpy(logits)[0, start - 1 : len(ids) - 1])

    def time_prefill(self, n_prompt: int) -> float:
        return self.time_decode(n_prompt, 1)[0]

    def time_decode(self, n_prompt: int, n_new: int) -> tuple[float, list[float]]:
        from keras import ops

        ids = ops.convert_to_tensor([timing_prompt(n_prompt, self.tokenizer.vocab_size)], "int32")
        cache = ops.zeros(self._cache_shape(n_prompt + n_new), self._lm.compute_dtype)
        seconds, position = [], 0
        for _ in range(n_new):
            start = now()
            # A plain number would be traced anew at every position.
            logits, _, cache = self._step(ids, cache, ops.convert_to_tensor(position, "int32"))
            token = int(np.argmax(ops.convert_to_numpy(logits[0, -1])))
            seconds.append(now() - start)
            position += int(ids.shape[1])
            ids = ops.convert_to_tensor([[token]], "int32")
        return seconds[0], seconds[1:]

    def describe(self) -> dict[str, Any]:
        dtype = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}.get(self._lm.variable_dtype, "unknown")
        return describe_files([self.path()], "keras", dtype, int(self.backbone.count_params()))

    def _cache_shape(self, length: int) -> tuple[int, ...]:
        backbone = self.backbone
        width = backbone.hidden_dim // backbone.num_query_heads
        return (1, backbone.num_layers, 2, length, backbone.num_key_value_heads, width)


class ControlEngine(KerasEngine):
    """`student-keras-control`: the same student trained by cross-entropy alone (distill.control)."""

    def path(self) -> Path:
        return self.spec.run.student / "control" / "student.keras"
