"""The finished teacher of another run as this run's (`finetune.teacher: run:NAME`): many students, one teacher."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from train.atomic import whole_folder
from train.errors import UserError
from train.progress import say
from train.runs import CARD, StageContext
from train.torch_track import ADAPTER, finetune_stage

TOKENIZER = "tokenizer.json"


def run(context: StageContext) -> dict[str, Any]:
    """Copies the folder that `finetune.teacher` names to teacher/.

    Raises UserError where it was trained with another tokenizer than this run's data.
    """
    name = context.config.finetune.teacher
    source = Path(finetune_stage(context.config).inputs[-1])
    own = context.run.data / "tokenizer" / TOKENIZER
    if (source / TOKENIZER).read_bytes() != own.read_bytes():
        raise UserError(
            f"finetune.teacher is {name!r}, but {source / TOKENIZER} is not this run's tokenizer ({own}): the teacher "
            "was tuned on other data. Give both runs the same model, data and seed, or leave finetune.teacher out."
        )
    if os.environ.get("RANK", "0") != "0":  # a helper process of torchrun: the first one copies
        return {}
    shutil.rmtree(context.run.path / ADAPTER, ignore_errors=True)  # of a teacher that this run trained before
    with whole_folder(context.run.teacher) as temporary:
        shutil.copytree(source, temporary, ignore=shutil.ignore_patterns(CARD), dirs_exist_ok=True)
    say(f"finetune: the teacher is that of {name}; none was trained")
    return {"teacher": name}
