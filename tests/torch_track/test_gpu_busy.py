"""The advice on micro-batches that leave a GPU waiting."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from train.config import Config
from train.config.load import LoadedConfig
from train.data import STAGE as DATA
from train.plan import print_plan
from train.torch_track.gpu_busy import advice


@pytest.mark.parametrize(("micro", "length", "waits"), [(8, 1024, True), (16, 2048, False), (31, 1024, True)])
def test_small_micro_batches_are_named(
    make_config: Callable[..., Config], micro: int, length: int, waits: bool
) -> None:
    config = make_config(finetune={"sequence_length": length, "batch_size": micro, "micro_batch_size": micro})
    said = advice(config.finetune)
    assert (said is not None) is waits
    if said is not None:
        assert f"{micro * length:,} positions" in said


def test_the_plan_says_it_where_a_gpu_trains(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_config()
    for on_gpu in (True, False):
        monkeypatch.setattr("train.plan._trains_on_gpu", lambda device, found=on_gpu: found)
        print_plan(LoadedConfig(config, {}, config.runs_dir / "c.yaml"), [DATA])
        assert ("A GPU waits for the host" in capsys.readouterr().out) is on_gpu
