"""The PyTorch track: fine-tunes the base model into the teacher, with accelerate and torch.compile."""

from train.runs import Stage

STAGE = Stage(
    name="finetune",
    entry="train.torch_track.finetune:run",
    sections=("model", "finetune"),
    inputs=("data/train.jsonl", "data/val.jsonl", "data/tokenizer"),
    outputs=("teacher", "teacher-adapter"),  # the adapter only where one was trained
    sources=("train/torch_track", "train/chat.py", "train/base_model.py", "train/schedule.py", "train/time_budget.py"),
)
