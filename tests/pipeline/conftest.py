"""A run that others go on from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from train.config import Config
from train.data import STAGE as DATA
from train.stage import run_stage
from train.torch_track import finetune_stage


@pytest.fixture
def trained(make_config: Callable[..., Config]) -> Config:
    """The config of a run whose teacher is finished."""
    config = make_config(finetune={"epochs": 1})
    run_stage(DATA, config)
    run_stage(finetune_stage(config), config)
    return config
