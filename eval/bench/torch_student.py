"""The student in PyTorch: transformers' Llama with the same weights, the same loss, AdamW."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from eval.bench.workload import read_batch, read_workload
from train.distill.kd_loss_torch import distillation_loss

LEARNING_RATE = 1e-3
TEACHER = ("ids", "logprobs", "lse", "has_kd")


class TorchStudent:
    """`how`: eager, or compile (torch.compile of the loss and of the forward pass); behind it bf16: in autocast."""

    def __init__(self, folder: Path, how: str) -> None:
        workload = read_workload(folder)
        self._config = workload.distill()
        config = LlamaConfig(
            **{name: value for name, value in workload.shape.items() if name != "rope_theta"},
            rope_parameters={"rope_type": "default", "rope_theta": workload.shape["rope_theta"]},
            vocab_size=workload.vocab_size,
            tie_word_embeddings=True,
        )
        self._model = LlamaForCausalLM(config)
        missing = self._model.load_state_dict(load_file(folder / "student.safetensors"), strict=False)
        assert missing.missing_keys == ["lm_head.weight"], missing  # tied: the embedding table
        self._batch = {name: torch.from_numpy(array) for name, array in read_batch(folder).items()}
        for name in ("token_ids", "positions", "labels", "ids"):
            self._batch[name] = self._batch[name].long()
        self._optimizer = self._adamw()
        compiled: Any = torch.compile if how.startswith("compile") else lambda function: function
        self._autocast = torch.autocast("cpu", torch.bfloat16, enabled=how.endswith("bf16"))
        self._run_loss, self._run_forward = compiled(self._loss), compiled(self._logits)

    def train(self) -> float:
        """One step; the loss before it."""
        with self._autocast:
            loss = self._run_loss(self._batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._config.clip_norm)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return float(loss.detach())

    @torch.no_grad()
    def forward(self) -> float:
        """Logits [B,L,V] of the batch; one of them."""
        with self._autocast:
            logits = self._run_forward(self._batch)
        return float(logits.float().numpy()[0, 0, 0])

    def _adamw(self) -> torch.optim.Optimizer:
        """As Keras's: its epsilon, decay on matrices only."""
        matrices = [p for p in self._model.parameters() if p.ndim > 1]
        scales = [p for p in self._model.parameters() if p.ndim == 1]
        decay = self._config.weight_decay
        groups = [{"params": matrices, "weight_decay": decay}, {"params": scales, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=LEARNING_RATE, eps=1e-7)

    def _hidden(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        mask = batch["padding_mask"]
        hidden: torch.Tensor = self._model.model(
            input_ids=batch["token_ids"], attention_mask=mask, use_cache=False
        ).last_hidden_state
        return hidden

    def _logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        logits: torch.Tensor = self._model.lm_head(self._hidden(batch))
        return logits

    def _loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        lines = torch.arange(len(batch["positions"]))[:, None]
        logits = self._model.lm_head(self._hidden(batch)[lines, batch["positions"]]).flatten(0, 1)
        teacher = {name: batch[name].flatten(0, 1) for name in TEACHER}
        labels, weights = batch["labels"].flatten(), batch["weights"].flatten()
        return distillation_loss(logits, labels, weights, teacher, self._config.alpha, self._config.temperature)
