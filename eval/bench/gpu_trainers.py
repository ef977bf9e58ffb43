"""SmolLM2-135M's shape with random weights, trained on a GPU by Tandem's step or by transformers' Trainer.

A contestant is made from workload.json (rows, sizes) and a JSON of its settings. Between two slices it lets go of the
memory it computed in, so that all can wait on one GPU.
"""

from __future__ import annotations

import fcntl
import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaForCausalLM

from eval.bench.trainers import ENDLESS, Gate
from train.config import load_config
from train.config.schema import Config, LlamaShape
from train.runs import REPOSITORY, RunFolder, StageContext
from train.torch_track.checkpoint import Progress
from train.torch_track.compiling import compile_layers
from train.torch_track.cuda_graph import record
from train.torch_track.flops import step_flops
from train.torch_track.job import Job, make_optimizer, start_accelerator
from train.torch_track.loss import Road, SummedLoss
from train.torch_track.model import random_config
from train.torch_track.packing import IGNORED, Encoded, pack_rows
from train.torch_track.step import optimizer_step, own_micro_batches
from train.tracking.tracker import Tracker

SMOLLM2_135M = LlamaShape(
    hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3
)


def made_rows(workload: dict[str, Any]) -> list[Encoded]:
    """Random token ids in rows of the workload's lengths; the first `unsupervised` share of each has no loss."""
    rng = np.random.default_rng(0)
    rows = []
    for length in workload["lengths"]:
        prompt = int(workload["unsupervised"] * length)
        ids = rng.integers(0, workload["vocabulary"], length).tolist()
        rows.append((ids, [0] * prompt + [1] * (length - prompt)))
    return rows


class GpuTandem:
    """Settings: micro_batch, and what differs from what Tandem does by itself: compile, packing, cuda_graph ("off"),
    attention (of finetune.attention), longest (tokens that attention takes a row for), fields of Road."""

    def __init__(self, folder: Path, how: str) -> None:
        self._folder, self._settings = folder, json.loads(how)
        workload = json.loads((folder / "workload.json").read_text())
        packing = self._settings.get("packing", True)
        config = gpu_config(workload, self._settings, packing)
        packs = pack_rows(made_rows(workload), config.finetune.sequence_length, 0, packing)
        if "longest" in self._settings:
            vars(packs)["longest_row"] = self._settings["longest"]
        torch.manual_seed(0)
        torch.set_float32_matmul_precision("high")
        accelerator = start_accelerator(config.finetune)
        model = LlamaForCausalLM(random_config(SMOLLM2_135M, workload["vocabulary"])).to(accelerator.device)
        attention = self._settings.get("attention", "auto")
        road = Road.of(model, accelerator.device, True, packs, attention=attention)
        road = replace(road, **self._settings.get("road", {}))
        summed_loss = SummedLoss(model, road)
        optimizer = make_optimizer(model, config.finetune)
        run = RunFolder(folder / "no run")
        self._job = Job(
            StageContext(config, run, "bench", Tracker(None, "finetune"), folder / "no checkpoints"),
            accelerator, model, None, accelerator.prepare_model(summed_loss), accelerator.prepare_optimizer(optimizer),
            packs, packs, Progress(total_steps=ENDLESS),
        )  # fmt: skip
        self._steps, self._done = workload["steps"], 0
        summed_loss.train()
        started = time.perf_counter()
        if self._settings.get("compile", True):
            summed_loss.kernel = "flex" if road.flex else road.attention
            compile_layers(model, "on", self._trial, accelerator.autocast)
            self._job.optimizer.zero_grad()
        else:
            self._trial()
        self._record()
        self._made_s = time.perf_counter() - started
        _let_go()

    def _record(self) -> None:
        with (self._folder / "trial.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            torch.cuda.reset_peak_memory_stats()
            record(self._job)
            # A graph computes in memory of its own, which counts as taken while it is recorded alone.
            self._recorded_peak = 0 if self._job.recorded is None else torch.cuda.max_memory_allocated()

    def _trial(self) -> None:
        """One micro-batch; the processes that load beside this one wait, since the GPU does not hold several."""
        job = self._job
        with (self._folder / "trial.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            indices = self._indices(0)[: job.settings.micro_batch_size]
            for batch in own_micro_batches(job.packs, indices, job.settings.micro_batch_size, job.accelerator):
                job.accelerator.backward(job.summed_loss(batch))
            job.optimizer.zero_grad()
            _let_go()

    def _indices(self, step: int) -> list[int]:
        size = self._job.settings.batch_size
        return [number % len(self._job.packs) for number in range(step * size, (step + 1) * size)]

    def facts(self) -> dict[str, Any]:
        job = self._job
        road, fill = job.accelerator.unwrap_model(job.summed_loss).road, job.packs.fill
        return {
            "road": road.__dict__, "cuda_graph": job.recorded is not None, "first_s": self._made_s, "fill": fill,
            "device": torch.cuda.get_device_name(),
            "parameters": sum(p.numel() for p in job.model.parameters()),
        }  # fmt: skip

    def request(self) -> dict[str, Any]:
        """One slice: seconds, positions, tokens, supervised tokens, FLOPs needed, loss, peak bytes of the GPU."""
        torch.cuda.reset_peak_memory_stats()
        optimizer_step(self._job, self._indices(self._done), 1e-4)  # fills the allocator again: not timed
        torch.cuda.synchronize()
        each = [self._indices(self._done + 1 + number) for number in range(self._steps)]
        started = time.perf_counter()
        results = [optimizer_step(self._job, indices, 1e-4) for indices in each]
        torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        flops = sum(step_flops(self._job.model, self._job.packs, indices) for indices in each)
        self._done += 1 + self._steps
        peak = max(torch.cuda.max_memory_allocated(), self._recorded_peak)
        _let_go()
        return {
            "seconds": seconds, "positions": sum(r.positions for r in results),
            "tokens": sum(r.tokens for r in results), "supervised": sum(r.supervised for r in results),
            "flops": flops, "loss": results[-1].loss, "peak": peak,
        }  # fmt: skip


class GpuTrainer:
    """transformers' Trainer with bf16 autocast; settings: compile, micro_batch. Rows are padded to the longest of a
    batch."""

    def __init__(self, folder: Path, how: str) -> None:
        from transformers import Trainer, TrainingArguments

        settings, workload = json.loads(how), json.loads((folder / "workload.json").read_text())
        torch.manual_seed(0)
        self._model = LlamaForCausalLM(random_config(SMOLLM2_135M, workload["vocabulary"]))
        self._rows, self._counted = made_rows(workload), {"positions": 0, "tokens": 0, "supervised": 0}
        self._steps, self._gate = workload["steps"], Gate(1)
        # As many rows a step as fill Tandem's packs.
        rows_a_step = max(1, round(workload["batch_size"] * workload["length"] / np.mean(workload["lengths"])))
        micro = min(rows_a_step, max(1, round(rows_a_step * settings["micro_batch"] / workload["batch_size"])))
        arguments = TrainingArguments(
            output_dir=str(folder / "unused"), per_device_train_batch_size=micro,
            gradient_accumulation_steps=max(1, rows_a_step // micro), max_steps=ENDLESS, bf16=True, learning_rate=1e-4,
            report_to="none", save_strategy="no", logging_strategy="no", disable_tqdm=True, seed=0,
            torch_compile=settings.get("compile", False), dataloader_drop_last=True, remove_unused_columns=False,
        )  # fmt: skip
        rows = [{"input_ids": ids, "supervised": mask} for ids, mask in self._rows]
        self._trainer = Trainer(
            model=self._model, args=arguments, train_dataset=rows, data_collator=self._collate, callbacks=[self._gate]
        )
        self._thread = threading.Thread(target=self._train, daemon=True)
        started = time.perf_counter()
        self._slice()
        self._made_s = time.perf_counter() - started
        _let_go()

    def _collate(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        width = max(len(row["input_ids"]) for row in rows)
        ids, mask, labels = (np.zeros((len(rows), width), np.int64) for _ in range(3))
        labels[:] = IGNORED
        for number, row in enumerate(rows):
            length, supervised = len(row["input_ids"]), np.array(row["supervised"])
            ids[number, :length], mask[number, :length] = row["input_ids"], 1
            labels[number, :length] = np.where(supervised == 1, ids[number, :length], IGNORED)
        self._counted["positions"] += ids.size
        self._counted["tokens"] += int(mask.sum())
        self._counted["supervised"] += int((labels[:, 1:] != IGNORED).sum())
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask),
                "labels": torch.from_numpy(labels)}  # fmt: skip

    def _train(self) -> None:
        try:
            self._trainer.train()
        except Exception as error:  # handed over to the thread that waits for the slice
            self._gate.fail(error)

    def _slice(self) -> None:
        if not self._thread.is_alive() and self._gate.error is None:
            self._thread.start()
        self._gate.slice()
        torch.cuda.synchronize()

    def facts(self) -> dict[str, Any]:
        return {"first_s": self._made_s, "device": torch.cuda.get_device_name()}

    def request(self) -> dict[str, Any]:
        """One slice, as GpuTandem's."""
        torch.cuda.reset_peak_memory_stats()
        self._slice()  # fills the allocator again: not timed
        self._counted.update(dict.fromkeys(self._counted, 0))
        started = time.perf_counter()
        for _ in range(self._steps):
            self._slice()
        seconds, peak = time.perf_counter() - started, torch.cuda.max_memory_allocated()
        _let_go()
        return {"seconds": seconds, **self._counted, "flops": None, "loss": None, "peak": peak}


def _let_go() -> None:
    torch.cuda.synchronize()
    torch.cuda.empty_cache()


def gpu_config(workload: dict[str, Any], settings: dict[str, Any], packing: bool) -> Config:
    """The config of a setting: as many positions a step, packed or not."""
    longest = max(workload["lengths"])
    length = workload["length"] if packing else longest
    # Unpacked: as many rows a step as fill the packs.
    rows = round(workload["length"] / (sum(workload["lengths"]) / len(workload["lengths"])))
    batch, micro = (size if packing else size * rows for size in (workload["batch_size"], settings["micro_batch"]))
    overrides = [
        f"data.max_length={longest}", f"distill.buckets=[{longest}]",
        f"finetune.sequence_length={length}", f"finetune.batch_size={batch}",
        f"finetune.micro_batch_size={micro}",
        f"finetune.cuda_graph={settings.get('cuda_graph', 'auto')}",
        "finetune.device=cuda", "finetune.precision=bf16", "seed=0",
    ]  # fmt: skip
    return load_config(REPOSITORY / "configs" / "smollm2-135m.yaml", overrides).config
