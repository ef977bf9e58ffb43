"""scripts/bench_gpu without a GPU: its sizes fit together, and it says what it needs."""

from __future__ import annotations

import pytest
import torch

from eval.bench.gpu_speed import TANDEM, WORKLOADS, measure, workload_of
from eval.bench.gpu_trainers import gpu_config
from train.errors import UserError

SETTINGS = [(name, key) for name, settings in WORKLOADS.items() for key in settings]


@pytest.mark.parametrize(("name", "key"), SETTINGS)
def test_every_setting_is_a_config_in_which_rows_and_batches_fit(name: str, key: str) -> None:
    work, _, settings = WORKLOADS[name][key]
    if work != TANDEM:
        assert settings["micro_batch"] >= 1
        return
    workload = workload_of(name, steps=1)
    found = gpu_config(workload, settings, settings.get("packing", True)).finetune
    assert found.batch_size % found.micro_batch_size == 0
    assert max(workload["lengths"]) <= found.sequence_length


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="bench_train"):
        next(measure(1, 1))
