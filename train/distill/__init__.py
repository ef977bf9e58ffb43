"""Logit cache: the teacher's top-k log-probabilities, captured once and read by every framework, and the loss on them.

supervised.py    which positions of a row are predicted, and what
logit_cache.py   the format, its reader and its writer (NumPy and safetensors only)
capture.py       stage `capture`: teacher/ → logits/ (PyTorch); processes.py shares it between several
kd_loss.py       top-k + tail distillation loss on keras.ops; kd_loss_torch.py is the same in PyTorch
"""

from train.runs import Stage

CAPTURE = Stage(
    name="capture",
    entry="train.distill.capture:run",
    sections=(
        "distill.rows",
        "distill.top_k",
        "distill.temperature",
        "distill.max_minutes_capture",
    ),
    inputs=("data/train.jsonl", "data/tokenizer", "teacher"),
    outputs=("logits",),
    sources=(  # not the losses, which a cache has no part in
        "train/distill/capture.py",
        "train/distill/cache_writer.py",
        "train/distill/logit_cache.py",
        "train/distill/processes.py",
        "train/distill/supervised.py",
        "train/chat.py",
        "train/copied_pieces.py",
    ),
)
