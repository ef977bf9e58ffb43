"""The teacher, the untrained base model and the student's Hugging Face folder, in eager PyTorch.

Greedy generation in a loop of our own over transformers' static cache: batches are padded on the left, and the few-shot
examples of the base model are computed once and stay in the cache from batch to batch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from eval.engines.engine import Answer, EngineSpec, TokenEngine, describe_files, now, timing_prompt, until_stop
from train.chat import ChatTokenizer, Message
from train.errors import MissingExtraError, UserError

LENGTH_STEP = 64


class TorchEngine(TokenEngine):
    """A Hugging Face causal language model folder, eager PyTorch in fp32."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.prefix: list[int] = []
        self._prefix_cache: Any = None
        self._kept: tuple[tuple[int, int], Any] | None = None

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
        self.window = int(model.config.max_position_embeddings)

    def generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        if any(prompt[: len(self.prefix)] != self.prefix for prompt in prompts):
            self._begin_with([])
        with self._torch.inference_mode():
            return self._generate(prompts, max_new_tokens)

    def _generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        torch, stop = self._torch, self.tokenizer.stop_id
        ids, mask, positions = self._left_pad([prompt[len(self.prefix) :] for prompt in prompts], max_new_tokens)
        cache = self._cache(len(prompts), mask.shape[1])
        done = torch.zeros(len(prompts), dtype=torch.bool, device=self._device)
        new: list[Any] = []
        column = len(self.prefix) + ids.shape[1]
        for step in range(max_new_tokens):
            ids = self._forward(ids, mask, positions, cache).argmax(-1, keepdim=True)
            new.append(ids)
            done |= ids[:, 0] == stop
            if bool(done.all()):  # one host sync a step
                break
            mask[:, column + step] = 1
            positions = positions[:, -1:] + 1
        return [until_stop(row, stop) for row in torch.cat(new, 1).tolist()]

    def _begin_with(self, prefix: list[int]) -> None:
        """All prompts begin with these ids from now on; what is kept of others is let go."""
        if prefix != self.prefix:
            self.prefix, self._prefix_cache, self._kept = prefix, None, None

    def log_probs(self, ids: list[int], start: int) -> Any:
        with self._torch.inference_mode():
            tokens = self._torch.tensor([ids], device=self._model.device)
            kept = len(ids) - start + 1  # the last position predicts what nobody asks for
            logits = self._model(tokens, use_cache=False, logits_to_keep=kept).logits[0, :-1]
            return self._torch.log_softmax(logits.float(), -1).cpu().numpy()

    def time_prefill(self, n_prompt: int) -> float:
        return self.time_decode(n_prompt, 1)[0]

    def time_decode(self, n_prompt: int, n_new: int) -> tuple[float, list[float]]:
        torch, seconds = self._torch, []
        # On the CPU always: engines are compared on the hardware they share.
        with torch.inference_mode():
            self._model.to("cpu")
            ids = torch.tensor([timing_prompt(n_prompt, self.tokenizer.vocab_size)])
            positions = torch.arange(n_prompt)[None]
            length = rounded(n_prompt + n_new)
            mask = (torch.arange(length)[None] < n_prompt).long()
            cache = self._new_cache(1, length)
            for step in range(n_new):
                start = now()
                ids = self._forward(ids, mask, positions, cache).argmax(-1, keepdim=True)
                ids.tolist()
                seconds.append(now() - start)
                mask[:, n_prompt + step], positions = 1, positions[:, -1:] + 1
        return seconds[0], seconds[1:]

    def describe(self) -> dict[str, Any]:
        files = sorted(self.folder().glob("*.safetensors"))
        parameters = {parameter.data_ptr(): parameter.numel() for parameter in self._model.parameters()}
        dtype = str(getattr(self._model.config, "dtype", "float32")).removeprefix("torch.")
        stored = _stored_dtype(files[0]) if files else dtype
        return describe_files(files, "safetensors", stored, sum(parameters.values()))

    def _forward(self, ids: Any, mask: Any, positions: Any, cache: Any) -> Any:
        """Logits [B, V] after the last of ids [B, T]; mask [B, length of the cache]."""
        output = self._model(
            ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1
        )
        return output.logits[:, -1]

    def _left_pad(self, tails: Sequence[list[int]], new: int) -> tuple[Any, Any, Any]:
        """Ids and positions [B, longest], mask [B, cache length]; the padding is between prefix and prompt."""
        torch, width, before = self._torch, max(len(tail) for tail in tails), len(self.prefix)
        after = rounded(before + width + new) - before - width
        ids = [[self.tokenizer.pad_id] * (width - len(tail)) + tail for tail in tails]
        mask = [[1] * before + [0] * (width - len(tail)) + [1] * len(tail) + [0] * after for tail in tails]
        at = [[0] * (width - len(tail)) + list(range(before, before + len(tail))) for tail in tails]
        return tuple(torch.tensor(values, device=self._device) for values in (ids, mask, at))  # type: ignore[return-value]

    def _cache(self, batch: int, length: int) -> Any:
        """A cache that holds the prefix, for `batch` rows; kept for the next batch of the same shape.

        Static: a cache that grows by concatenation copies itself at every token, 440 MB for 32 rows with examples.
        What an earlier batch has left after the prefix is masked until it is written over.
        """
        if self._kept is None or self._kept[0] != (batch, length):
            self._kept = None  # the old one is let go first
            self._kept = (batch, length), self._new_cache(batch, length)
            if self.prefix:
                self._read_prefix(self._kept[1])
        cache = self._kept[1]
        for layer in cache.layers:
            layer.cumulative_length.fill_(len(self.prefix))
        return cache

    def _new_cache(self, batch: int, length: int) -> Any:
        from transformers import StaticCache

        config = self._model.config
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        cache: Any = StaticCache(config=config, max_cache_len=length)
        device = self._model.device
        cache.early_initialization(batch, config.num_key_value_heads, head_dim, self._torch.float32, device)
        return cache

    def _read_prefix(self, cache: Any) -> None:
        """Computes the prefix once, for one row, and writes it to all rows of the cache."""
        torch, count = self._torch, len(self.prefix)
        if self._prefix_cache is None:
            self._prefix_cache = self._new_cache(1, count)
            ids = torch.tensor([self.prefix], device=self._device)
            at = torch.arange(count, device=self._device)[None]
            self._forward(ids, torch.ones_like(ids), at, self._prefix_cache)
        for layer, source in zip(cache.layers, self._prefix_cache.layers, strict=True):
            layer.keys[:, :, :count] = source.keys
            layer.values[:, :, :count] = source.values


class TeacherEngine(TorchEngine):
    """The fine-tuned teacher, `teacher-eager`."""

    def folder(self) -> Path:
        return self.spec.run.teacher


class StudentEngine(TorchEngine):
    """`student-torch`: the student's Hugging Face folder, read by another framework than the one that trained it."""

    def folder(self) -> Path:
        return self.spec.run.student / "hf"


class BaseEngine(TorchEngine):
    """The base model as it was fetched, with its whole vocabulary, asked with a few examples from the training rows.

    A conversation that begins with a system message brings its own instructions, and is asked as it is.
    """

    def folder(self) -> Path:
        from train.torch_track.model import untuned_folder

        return untuned_folder(self.config.model, self.spec.run, self.config.seed)

    def load(self) -> None:
        super().load()
        self.shots = few_shot_examples(self.spec.run.data / "train.jsonl", self.config.eval.few_shot)
        # Special tokens cut the text into pieces that are encoded apart, so these ids begin every prompt.
        self.prefix = self._few_shot = self.tokenizer.encode(self.shots)[0]

    def answer(self, conversations: Sequence[Sequence[Message]], max_new_tokens: int) -> Iterator[list[Answer]]:
        for instructed, group in groupby(conversations, key=brings_instructions):
            self._begin_with([] if instructed else self._few_shot)
            yield from super().answer(list(group), max_new_tokens)

    def prompt(self, conversation: Sequence[Message]) -> list[int]:
        return self.tokenizer.prompt([*([] if brings_instructions(conversation) else self.shots), *conversation])

    def describe(self) -> dict[str, Any]:
        from train.base_model import is_quantised

        weights = "; 4-bit weights de-quantised, not the published ones" if is_quantised(self.config.model) else ""
        return {**super().describe(), "note": f"asked with {self.config.eval.few_shot} examples{weights}"}


def brings_instructions(conversation: Sequence[Message]) -> bool:
    return bool(conversation) and conversation[0]["role"] == "system"


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


def rounded(length: int) -> int:
    """Cache lengths are few, so that a cache serves many batches."""
    return math.ceil(length / LENGTH_STEP) * LENGTH_STEP


def _stored_dtype(path: Path) -> str:
    """Dtype of the first floating-point array of a safetensors file."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    names = {"F32": "fp32", "F16": "fp16", "BF16": "bf16"}
    return next((names[entry["dtype"]] for entry in header.values() if entry.get("dtype") in names), "unknown")
