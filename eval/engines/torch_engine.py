"""The teacher and the untrained base model, in PyTorch.

Greedy generation in a loop of our own over transformers' cache: batches are padded on the left, and the few-shot
examples of the base model are computed once and their cache repeated for every batch.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.engines.engine import EngineSpec, TokenEngine, describe_files, now, timing_prompt, until_stop
from train.chat import ChatTokenizer, Message
from train.errors import MissingExtraError, UserError


class TorchEngine(TokenEngine):
    """A Hugging Face causal language model folder, eager PyTorch in fp32."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.prefix: list[int] = []
        self._prefix_cache: Any = None

    def folder(self) -> Path:
        """The model folder; it has its own tokenizer.json."""
        raise NotImplementedError

    def load(self) -> None:
        try:
            import torch
            from transformers import AutoModelForCausalLM
        except ImportError as error:
            raise MissingExtraError(error.name or "torch", "torch", f"The engine {self.spec.engine!r}") from None
        folder = self.folder()
        if not (folder / "config.json").exists():
            raise UserError(f"No model for the engine {self.spec.engine!r} at {folder}: run the earlier stages first.")
        torch.set_num_threads(self.spec.threads)
        cuda = self.spec.device == "auto" and torch.cuda.is_available()
        self._device = torch.device("cuda" if cuda else "cpu")
        self.tokenizer = ChatTokenizer.load(folder)
        self._torch: Any = torch
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self._model = model.to(self._device).eval()

    def generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        with self._torch.inference_mode():
            return self._generate(prompts, max_new_tokens)

    def _generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        torch, stop = self._torch, self.tokenizer.stop_id
        tails = [prompt[len(self.prefix) :] for prompt in prompts]
        ids, mask = self._left_pad(tails)
        cache = self._cache(len(prompts))
        positions = mask.cumsum(1)[:, -ids.shape[1] :] - 1
        done = torch.zeros(len(prompts), dtype=torch.bool, device=self._device)
        new: list[Any] = []
        for _ in range(max_new_tokens):
            logits = self._forward(ids, mask, positions.clamp(min=0), cache)
            ids = logits.argmax(-1, keepdim=True)
            new.append(ids)
            done |= ids[:, 0] == stop
            if bool(done.all()):  # one host sync a step
                break
            mask = torch.cat([mask, torch.ones_like(ids)], 1)
            positions = positions[:, -1:] + 1
        return [until_stop(row, stop) for row in torch.cat(new, 1).tolist()]

    def time_prefill(self, n_prompt: int) -> float:
        return self.time_decode(n_prompt, 1)[0]

    def time_decode(self, n_prompt: int, n_new: int) -> tuple[float, list[float]]:
        torch = self._torch
        ids = torch.tensor([timing_prompt(n_prompt, self.tokenizer.vocab_size)])
        mask, positions = torch.ones_like(ids), torch.arange(n_prompt)[None]
        seconds = []
        # On the CPU always: engines are compared on the hardware they share.
        with torch.inference_mode():
            model, cache = self._model.to("cpu"), self._empty_cache()
            for _ in range(n_new):
                start = now()
                output = model(
                    ids, attention_mask=mask, position_ids=positions, past_key_values=cache, logits_to_keep=1
                )
                ids = output.logits[:, -1].argmax(-1, keepdim=True)
                ids.tolist()
                seconds.append(now() - start)
                mask, positions = torch.cat([mask, torch.ones_like(ids)], 1), positions[:, -1:] + 1
        return seconds[0], seconds[1:]

    def describe(self) -> dict[str, Any]:
        files = sorted(self.folder().glob("*.safetensors"))
        parameters = {parameter.data_ptr(): parameter.numel() for parameter in self._model.parameters()}
        dtype = str(getattr(self._model.config, "dtype", "float32")).removeprefix("torch.")
        stored = _stored_dtype(files[0]) if files else dtype
        return describe_files(files, "safetensors", stored, sum(parameters.values()))

    def _forward(self, ids: Any, mask: Any, positions: Any, cache: Any) -> Any:
        output = self._model(
            ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1
        )
        return output.logits[:, -1]

    def _left_pad(self, tails: Sequence[list[int]]) -> tuple[Any, Any]:
        """Ids [B, longest] and mask [B, prefix + longest], the padding between prefix and prompt masked out."""
        torch, width = self._torch, max(len(tail) for tail in tails)
        ids = [[self.tokenizer.pad_id] * (width - len(tail)) + tail for tail in tails]
        mask = [[1] * len(self.prefix) + [0] * (width - len(tail)) + [1] * len(tail) for tail in tails]
        return torch.tensor(ids, device=self._device), torch.tensor(mask, device=self._device)

    def _empty_cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self._model.config)

    def _cache(self, batch: int) -> Any:
        """A cache that already holds the prefix, for `batch` rows."""
        if not self.prefix:
            return self._empty_cache()
        if self._prefix_cache is None:
            self._prefix_cache = self._empty_cache()
            ids = self._torch.tensor([self.prefix], device=self._device)
            positions = self._torch.arange(len(self.prefix), device=self._device)[None]
            self._forward(ids, self._torch.ones_like(ids), positions, self._prefix_cache)
        cache = copy.deepcopy(self._prefix_cache)
        cache.batch_repeat_interleave(batch)
        return cache


class TeacherEngine(TorchEngine):
    """The fine-tuned teacher, `teacher-eager`."""

    def folder(self) -> Path:
        return self.spec.run.teacher


class BaseEngine(TorchEngine):
    """The base model as it was fetched, with its whole vocabulary, asked with a few examples from the training rows."""

    def folder(self) -> Path:
        from train.torch_track.model import untuned_folder

        return untuned_folder(self.config.model, self.spec.run, self.config.seed)

    def load(self) -> None:
        super().load()
        self.shots = few_shot_examples(self.spec.run.data / "train.jsonl", self.config.eval.few_shot)
        # Special tokens cut the text into pieces that are encoded apart, so these ids begin every prompt.
        self.prefix = self.tokenizer.encode(self.shots)[0]

    def prompt(self, conversation: Sequence[Message]) -> list[int]:
        return self.tokenizer.prompt([*self.shots, *conversation])

    def describe(self) -> dict[str, Any]:
        from train.base_model import is_quantised

        weights = "; 4-bit weights de-quantised, not the published ones" if is_quantised(self.config.model) else ""
        return {**super().describe(), "note": f"asked with {self.config.eval.few_shot} examples{weights}"}


def few_shot_examples(train_file: Path, n: int) -> list[Message]:
    """Messages of `n` training rows: the first of each category, in the order of the file, then further rows."""
    if n == 0:
        return []
    try:
        with train_file.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for _, line in zip(range(4_000), lines, strict=False)]
    except FileNotFoundError:
        raise UserError(
            f"No training rows at {train_file} for eval.few_shot = {n}: run the data stage first."
        ) from None
    seen: set[str] = set()
    first: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for row in rows:
        (rest if row.get("category") in seen else first).append(row)
        seen.add(row.get("category"))
    return [message for row in (first + rest)[:n] for message in row["messages"]]


def _stored_dtype(path: Path) -> str:
    """Dtype of the first floating-point array of a safetensors file."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    names = {"F32": "fp32", "F16": "fp16", "BF16": "bf16"}
    return next((names[entry["dtype"]] for entry in header.values() if entry.get("dtype") in names), "unknown")
