"""The PyTorch track: fine-tunes the base model into the teacher, with accelerate and torch.compile."""

from dataclasses import replace

from train.config.schema import Config
from train.runs import OF_RUN, Stage

STAGE = Stage(
    name="finetune",
    entry="train.torch_track.finetune:run",
    sections=("model", "finetune"),
    inputs=("data/train.jsonl", "data/val.jsonl", "data/tokenizer"),
    outputs=("teacher", "teacher-adapter"),  # the adapter only where one was trained
    sources=(
        "train/torch_track",
        "train/chat.py",
        "train/copied_pieces.py",
        "train/base_model.py",
        "train/schedule.py",
        "train/time_budget.py",
    ),
)


def finetune_stage(config: Config) -> Stage:
    """The stage as this config needs it: training, or taking the teacher of another run."""
    if config.finetune.teacher is None:
        return STAGE
    other = config.runs_dir / config.finetune.teacher.removeprefix(OF_RUN) / "teacher"
    inputs = ("data/tokenizer", str(other.resolve()))
    return replace(STAGE, entry="train.torch_track.other_teacher:run", inputs=inputs)
