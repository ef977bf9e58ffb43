"""The same fine-tuning through Tandem's loop, transformers' Trainer and TRL's SFTTrainer; each in its own process.

All start from one folder: config.yaml of a run whose data stage is done, the untrained model as a Hugging Face
folder, rows.json with token ids and labels, and slice.json. A slice is some optimizer steps; between two slices a
trainer waits.
"""

from __future__ import annotations

import hashlib
import json
import queue
import threading
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback, TrainingArguments

from train.config import load_config
from train.runs import RunFolder, StageContext
from train.torch_track.compiling import compile_layers
from train.torch_track.job import prepare
from train.torch_track.packing import IGNORED, pack_order
from train.torch_track.step import optimizer_step, own_micro_batches
from train.tracking.tracker import Tracker

PACKED = ("trl packed", "trl best")
ENDLESS = 10**6  # steps; the parent ends the process


def labels_digest(labels: Iterable[Any], vocabulary: int) -> dict[str, Any]:
    """How many supervised tokens of each id there are: the same for any order, batching and packing of the rows."""
    counts = np.zeros(vocabulary, np.int64)
    for part in labels:
        kept = np.asarray(part)
        counts += np.bincount(kept[kept != IGNORED].ravel(), minlength=vocabulary)
    return {"supervised": int(counts.sum()), "sha256": hashlib.sha256(counts.tobytes()).hexdigest()}


class TandemTrainer:
    """`how`: eager, or compiled (each decoder layer)."""

    def __init__(self, folder: Path, how: str) -> None:
        config = load_config(folder / "config.yaml", []).config
        self._steps = json.loads((folder / "slice.json").read_text())["steps"]
        run = RunFolder(config.runs_dir / config.name)
        self._job = prepare(StageContext(config, run, "bench", Tracker(None, "finetune"), folder / "no checkpoints"))
        self._order = pack_order(len(self._job.packs), 4096 * config.finetune.batch_size, config.seed)
        self._done = 0
        self._job.summed_loss.train()
        if how == "compiled":
            compile_layers(self._job.model, "on", self._trial, self._job.accelerator.autocast)
            self._job.optimizer.zero_grad()

    def _trial(self) -> None:
        job, first = self._job, list(range(min(self._job.settings.batch_size, len(self._job.packs))))
        for batch in own_micro_batches(job.packs, first, job.settings.micro_batch_size, job.accelerator):
            job.accelerator.backward(job.summed_loss(batch))

    def facts(self) -> dict[str, Any]:
        """Of one epoch."""
        return labels_digest([self._job.packs.labels], self._job.model.config.vocab_size)

    def request(self) -> dict[str, Any]:
        """One slice."""
        started, supervised, size = time.perf_counter(), 0, self._job.settings.batch_size
        for _ in range(self._steps):
            start = self._done * size % (len(self._order) - size)
            supervised += optimizer_step(self._job, self._order[start : start + size].tolist(), 1e-5).supervised
            self._done += 1
        return {"seconds": time.perf_counter() - started, "supervised": supervised}


class LibraryTrainer:
    """`how`: hf, trl, trl packed, trl best, trl padding-free. The library's own loop runs in a thread and waits after a
    slice."""

    def __init__(self, folder: Path, how: str) -> None:
        warnings.simplefilter("ignore")
        config = load_config(folder / "config.yaml", []).config
        slice_ = json.loads((folder / "slice.json").read_text())
        torch.manual_seed(config.seed)
        model = LlamaForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
        self._vocabulary = model.config.vocab_size
        packed = how in PACKED
        common: dict[str, Any] = {
            "output_dir": str(folder / "unused"),
            "per_device_train_batch_size": config.finetune.batch_size if packed else slice_["rows_a_step"],
            "max_steps": ENDLESS,
            "bf16": slice_["bf16"],
            "learning_rate": 1e-5,
            "use_cpu": True,
            "report_to": "none",
            "save_strategy": "no",
            "logging_strategy": "no",
            "disable_tqdm": True,
            "seed": config.seed,
        }
        self._gate = Gate(slice_["steps"])
        self._trainer = _trainer(folder, how, model, common, config.finetune.sequence_length)
        self._trainer.add_callback(self._gate)
        counted = self._trainer.training_step

        def training_step(model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
            self._gate.supervised += int((inputs["labels"][:, 1:] != IGNORED).sum())
            return counted(model, inputs, *rest, **named)

        self._trainer.training_step = training_step
        self._thread = threading.Thread(target=self._train, daemon=True)

    def facts(self) -> dict[str, Any]:
        """Of one epoch, as the loader of the training gives it."""
        loader = self._trainer.get_train_dataloader()
        return labels_digest((batch["labels"][:, 1:].cpu().numpy() for batch in loader), self._vocabulary)

    def request(self) -> dict[str, Any]:
        """One slice."""
        if not self._thread.is_alive() and self._gate.error is None:
            self._thread.start()
        return self._gate.slice()

    def _train(self) -> None:
        try:
            self._trainer.train()
        except Exception as error:  # handed over to the thread that waits for the slice
            self._gate.fail(error)


class Gate(TrainerCallback):  # type: ignore[misc]
    """Lets a training make `steps` steps at a time."""

    def __init__(self, steps: int) -> None:
        self._steps, self._made, self.supervised = steps, 0, 0
        self._go, self._done = queue.Queue[None](), queue.Queue[None]()
        self.error: Exception | None = None

    def slice(self) -> dict[str, Any]:
        self.supervised, started = 0, time.perf_counter()
        self._go.put(None)
        self._done.get()
        if self.error is not None:
            raise self.error
        return {"seconds": time.perf_counter() - started, "supervised": self.supervised}

    def fail(self, error: Exception) -> None:
        self.error = error
        self._done.put(None)

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._go.get()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self._made += 1
        if self._made % self._steps == 0:
            self._done.put(None)
            self._go.get()


def _trainer(folder: Path, how: str, model: LlamaForCausalLM, common: dict[str, Any], length: int) -> Any:
    """The library's trainer on rows that are tokenised already; all else is its default."""
    from datasets import Dataset

    rows = Dataset.from_dict(json.loads((folder / "rows.json").read_text()))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer")
    if how == "hf":
        from transformers import DataCollatorForSeq2Seq, Trainer

        arguments = TrainingArguments(**common)
        collator = DataCollatorForSeq2Seq(tokenizer, padding=True)
        return Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collator)
    from trl import SFTConfig, SFTTrainer

    if how in PACKED:
        common |= {"packing": True, "packing_strategy": "bfd", "max_length": length}
    if how == "trl best":
        common |= {"gradient_checkpointing": False}  # TRL's default computes each layer twice to save memory
    if how == "trl padding-free":
        common |= {"padding_free": True, "max_length": None}
    return SFTTrainer(model=model, args=SFTConfig(**common), train_dataset=rows, processing_class=tokenizer)
