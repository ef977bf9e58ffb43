"""Keras track: the student, a small Llama in Keras 3 / KerasHub, trained from the logit cache on any Keras back end.

stage.py         entry: sets the back end, then imports the rest
backend.py       Keras on TensorFlow, JAX or PyTorch, checked before first use
devices.py       data parallelism: MirroredStrategy, keras.distribution
student.py       the model; `load_student` reads it back
student_loss.py  its losses on a batch
batches.py       rows and cache in length buckets: tf.data, or prefetch.py
batch_shapes.py  one-line errors for what does not fit
logits_memory.py what its logits take
train_step.py    one step: tensorflow_step.py, mirrored_step.py, jax_step.py, torch_step.py
early_stopping.py what validation has shown so far
checkpoint.py    state that a killed training goes on from
sampling.py      its answers to fixed prompts while it trains
distill.py       stage `distill`: logits/ → student/
hf_folder.py     the same weights as a Hugging Face folder
"""

from dataclasses import replace
from pathlib import Path

from train.config.schema import Config
from train.runs import OF_RUN, Stage

DISTILL = Stage(
    name="distill",
    entry="train.keras_track.stage:run",
    sections=("student", "distill", "seed", "data.max_length"),
    inputs=("data/train.jsonl", "data/val.jsonl", "data/tokenizer", "logits"),
    outputs=("student",),
    sources=(
        "train/keras_track",
        "train/distill",
        "train/chat.py",
        "train/copied_pieces.py",
        "train/schedule.py",
        "train/shared_vocabulary.py",
        "train/tensors.py",
        "train/time_budget.py",
    ),
)


def distill_stage(config: Config) -> Stage:
    """The stage as this config needs it: without the logit cache where nothing reads it, with the folder that the first
    weights come from."""
    distill, inputs = config.distill, list(DISTILL.inputs)
    if distill.alpha == 0 or distill.rows == 0:
        inputs.remove("logits")
    if config.student.initial != "random":
        inputs.append(initial_folder(config))
    return replace(DISTILL, inputs=tuple(inputs))


def initial_folder(config: Config) -> str:
    """Where the student's first weights are, relative to the run folder, or absolute."""
    initial = config.student.initial
    if initial == "teacher":
        return "teacher"
    other = initial.removeprefix(OF_RUN)
    folder = Path(initial).expanduser() if other == initial else config.runs_dir / other / "teacher"
    return str(folder.resolve())
