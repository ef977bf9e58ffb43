"""Keras track: the student, a small Llama in Keras 3 / KerasHub on TensorFlow, trained from the logit cache.

backend.py      Keras on TensorFlow, checked before first use
student.py      the model; `load_student` reads it back
batches.py      rows and cache as a tf.data pipeline in length buckets
train_step.py   one step under XLA
checkpoint.py   state that a killed training goes on from
distill.py      stage `distill`: logits/ → student/
hf_folder.py    the same weights as a Hugging Face folder
"""

from train.runs import Stage

DISTILL = Stage(
    name="distill",
    entry="train.keras_track.distill:run",
    sections=("student", "distill", "seed"),
    inputs=("data/train.jsonl", "data/val.jsonl", "data/tokenizer", "logits"),
    outputs=("student",),
    sources=("train/keras_track", "train/distill", "train/chat.py", "train/schedule.py", "train/time_budget.py"),
)
