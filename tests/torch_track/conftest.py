"""A random Llama of a few thousand weights, and a run folder with data for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from tests.conftest import TINY
from train.chat import ChatTokenizer
from train.config import Config
from train.data import STAGE as DATA
from train.runs import RunFolder, StageContext, open_run
from train.stage import run_stage
from train.torch_track.job import Job, prepare
from train.torch_track.model import random_model
from train.tracking import Tracker

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_model(tokenizer_folder: Path) -> LlamaForCausalLM:
    return random_model(TINY, ChatTokenizer.load(tokenizer_folder), seed=0).eval()


@pytest.fixture
def make_job(make_config: Callable[..., Config]) -> Callable[..., Job]:
    """Prepares a fine-tuning; keys of the section finetune as arguments."""

    def make(**finetune: Any) -> Job:
        config = make_config(finetune=finetune)
        run_stage(DATA, config)
        run: RunFolder = open_run(config)
        return prepare(StageContext(config, run, "fingerprint", Tracker(None, "finetune"), run.path / "checkpoints"))

    return make
