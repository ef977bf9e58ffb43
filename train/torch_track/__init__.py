"""The PyTorch track: fine-tunes the base model into the teacher, with accelerate and torch.compile."""

from dataclasses import replace
from pathlib import Path

from train.config.schema import Config, ModelConfig
from train.runs import OF_RUN, Stage

ADAPTER = "teacher-adapter"  # beside teacher/, only where one was trained
STAGE = Stage(
    name="finetune",
    entry="train.torch_track.finetune:run",
    sections=("model", "finetune"),
    inputs=("data/train.jsonl", "data/val.jsonl", "data/tokenizer"),
    outputs=("teacher", ADAPTER),
    sources=(
        "train/torch_track",
        "train/chat.py",
        "train/copied_pieces.py",
        "train/base_model.py",
        "train/schedule.py",
        "train/shared_vocabulary.py",
        "train/time_budget.py",
    ),
)


def finetune_stage(config: Config) -> Stage:
    """The stage as this config needs it: training, from the base or from another run's weights, or taking the teacher
    of another run."""
    settings = config.finetune
    if settings.teacher is not None:
        inputs = ("data/tokenizer", str(_teacher_of(settings.teacher, config)))
        return replace(STAGE, entry="train.torch_track.other_teacher:run", inputs=inputs)
    outside = [path for path in (_local_base(config.model), initial_folder(config)) if path is not None]
    return replace(STAGE, inputs=(*STAGE.inputs, *map(str, outside)))


def initial_folder(config: Config) -> Path | None:
    """The folder whose weights training goes on from; None: the base."""
    return None if config.finetune.initial is None else _teacher_of(config.finetune.initial, config)


def _local_base(model: ModelConfig) -> Path | None:
    """A base that lies in a file or folder of this machine: its weights may change under the same name."""
    path = Path(model.source).expanduser()
    return path.resolve() if model.source != "random" and path.exists() else None


def _teacher_of(run: str, config: Config) -> Path:
    return (config.runs_dir / run.removeprefix(OF_RUN) / "teacher").resolve()
