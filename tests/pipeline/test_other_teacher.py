"""`finetune.teacher`: the finished teacher of another run, instead of training one."""

from __future__ import annotations

from typing import Any

import pytest

from train.atomic import sha256_file
from train.config import Config
from train.data import STAGE as DATA
from train.errors import UserError
from train.runs import is_done, open_run
from train.stage import run_stage
from train.torch_track import finetune_stage


def with_teacher(config: Config, **data: Any) -> Config:
    finetune = config.finetune.model_copy(update={"teacher": "run:tiny"})
    changed = {"finetune": finetune, "data": config.data.model_copy(update=data)}
    return config.model_copy(update={"name": "second", **changed})


def test_the_teacher_of_another_run_is_taken_and_followed(trained: Config) -> None:
    config = with_teacher(trained)
    run_stage(DATA, config)
    adapter = config.runs_dir / "second" / "teacher-adapter"
    adapter.mkdir()  # of a teacher that this run trained before
    assert run_stage(finetune_stage(config), config) == {"teacher": "run:tiny"}
    assert not adapter.exists()
    first, second = (config.runs_dir / name / "teacher" / "model.safetensors" for name in ("tiny", "second"))
    assert sha256_file(first) == sha256_file(second)
    assert is_done(finetune_stage(config), config, open_run(config))
    first.write_bytes(b"trained anew")  # the copy is out of date, and said to be
    assert not is_done(finetune_stage(config), config, open_run(config))


def test_a_teacher_of_other_data_is_refused(trained: Config) -> None:
    path = trained.runs_dir / "rows.jsonl"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "attic" not in line))
    config = with_teacher(trained, validation_rows=4)
    run_stage(DATA, config)
    with pytest.raises(UserError, match=r"finetune\.teacher is 'run:tiny', but .*was tuned on other data"):
        run_stage(finetune_stage(config), config)
    assert not open_run(config).teacher.exists()


def test_a_missing_run_is_named(trained: Config) -> None:
    config = with_teacher(trained)
    run_stage(DATA, config)
    other = config.finetune.model_copy(update={"teacher": "run:nowhere"})
    config = config.model_copy(update={"finetune": other})
    with pytest.raises(UserError, match=r"nowhere/teacher \(finetune\.teacher\), which is not there"):
        run_stage(finetune_stage(config), config)
