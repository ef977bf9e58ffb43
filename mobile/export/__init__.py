"""Export: student/hf (safetensors) to mobile/ (TFLite files, .litertlm, tokenizer, tools, bundle.json).

Light on purpose: TensorFlow is imported by `convert.py` and `decoder.py` alone.
"""

from __future__ import annotations

from train.runs import Stage

STAGE = Stage(
    name="export",
    entry="mobile.export.stage:run",
    sections=("export",),
    inputs=("student/hf", "data/tokenizer", "data/tools.json", "data/val.jsonl"),
    outputs=("mobile",),
    sources=("mobile/export", "mobile/runtime", "train/tensors.py"),
)
