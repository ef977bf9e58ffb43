"""Stage `distill`: the student learns from the data and from the teacher's logit cache.

tandem distill CONFIG
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file, save_file

from train.atomic import whole_file, whole_folder, write_json
from train.chat import ChatTokenizer
from train.config.schema import DistillConfig, EarlyStopping
from train.distill.logit_cache import LogitCache, cache_key
from train.distill.supervised import read_supervised
from train.errors import UserError
from train.keras_track import initial_folder
from train.keras_track.backend import keras
from train.keras_track.batch_shapes import check_cache, check_rows
from train.keras_track.batches import Batches
from train.keras_track.checkpoint import Checkpoint
from train.keras_track.devices import device_scope
from train.keras_track.hf_folder import hf_weights, set_hf_weights, write_hf_folder
from train.keras_track.initial_weights import initialise_from
from train.keras_track.logits_memory import largest_logits, too_large
from train.keras_track.student import StudentModel, build_student
from train.keras_track.trainer import WHOLE, Trainer, TrainingPart
from train.progress import say
from train.runs import StageContext
from train.tracking.sample_prompts import sample_prompts

HEADLINE = "headline.json"


def run(context: StageContext) -> dict[str, Any]:
    """data/ and logits/ → student/, with control/ in it where it is asked for. Returns headline figures."""
    config, made = context.config.distill, context.checkpoints / "made"
    headline = train_student(context, config, made / "student", context.checkpoints, WHOLE)
    if config.control:
        say("distill: now the control, cross-entropy alone for the same steps")
        part = TrainingPart(steps=headline["steps"], schedule=headline["schedule_steps"], prefix="control/")
        alone = config.model_copy(update={"alpha": 0.0, "max_minutes": None, "early_stopping": _best_only(config)})
        found = train_student(context, alone, made / "control", context.checkpoints / "control", part)
        headline |= {f"control_{name}": found[name] for name in ("val_loss", "steps")}
    with whole_folder(context.run.student) as folder:
        shutil.copytree(made / "student", folder, dirs_exist_ok=True)
        if config.control:
            shutil.copytree(made / "control", folder / "control")
        for written in folder.rglob(HEADLINE):
            written.unlink()
    return headline


def _best_only(config: DistillConfig) -> EarlyStopping | None:
    """The control keeps its best weights where the student does, and ends where the student ended."""
    return None if config.early_stopping is None else config.early_stopping.model_copy(update={"patience": sys.maxsize})


def train_student(
    context: StageContext, config: DistillConfig, folder: Path, checkpoints: Path, part: TrainingPart
) -> dict[str, Any]:
    """Trains one student and writes student.keras, hf/ and its headline to `folder`; where that is done, reads it."""
    if (folder / HEADLINE).exists():
        done: dict[str, Any] = json.loads((folder / HEADLINE).read_text(encoding="utf-8"))
        if done.pop("fingerprint") == context.fingerprint:
            return done
    tokenizer = ChatTokenizer.load(context.run.data / "tokenizer")
    training, validation = load_batches(context, tokenizer, config)
    keras.utils.set_random_seed(context.config.seed)
    with device_scope(config.devices):
        student = build_student(context.config.student, tokenizer.vocab_size)
        checkpoint = Checkpoint(checkpoints / "last", context.fingerprint)
        prompts = sample_prompts(context.run.data / "val.jsonl", tokenizer, config.sample_rows)
        trainer = Trainer(config, student, training, validation, checkpoint, context.tracker, part, prompts)
        first = checkpoints / "first.safetensors"
        if not trainer.state.step:
            _initialise(context, config, student, trainer, first)
        headline = trainer.train()
        if first.exists():
            headline["val_loss"] = round(_keep_initial_share(config, student, trainer, first), 5)
            figures = {"train/step": headline["steps"], "eval/mixed_loss": headline["val_loss"]}
            context.tracker.log({part.prefix + name: value for name, value in figures.items()})
    with whole_folder(folder) as written:
        student.save(written / "student.keras")
        write_hf_folder(student, written / "hf", context.run.data / "tokenizer", context.config.data.max_length)
        write_json(written / HEADLINE, {**headline, "fingerprint": context.fingerprint})
    return headline


def _initialise(
    context: StageContext, config: DistillConfig, student: StudentModel, trainer: Trainer, first: Path
) -> None:
    """First weights, by student.initial; kept in the file `first` where a share of them is to stay."""
    wanted, copied = context.config.student, False
    if wanted.initial != "random":
        source, words = context.run.path / initial_folder(context.config), context.run.data / "tokenizer"
        taken = initialise_from(source, student, trainer.validation_loss, wanted.initial_layers, words)
        say(f"distill: starts from {wanted.initial}: {taken}")
        copied = taken["layers"] is not None
    first.unlink(missing_ok=True)
    if config.initial_share and copied:
        with whole_file(first) as temporary:
            save_file(hf_weights(student), temporary)
    elif config.initial_share:
        say(f"distill: initial_share {config.initial_share:g} has no effect: no layers of student.initial were copied")


def _keep_initial_share(config: DistillConfig, student: StudentModel, trainer: Trainer, first: Path) -> float:
    """Gives the student its share of the weights that it began with; returns the validation loss."""
    share, end, begin, before = config.initial_share, hf_weights(student), load_file(first), trainer.validation_loss()
    set_hf_weights(student, {name: share * begin[name] + (1 - share) * end[name] for name in end})
    loss = trainer.validation_loss()
    say(f"distill: with {share:g} of the first weights: validation loss {before:.4f} → {loss:.4f}")
    return loss


def load_batches(context: StageContext, tokenizer: ChatTokenizer, config: DistillConfig) -> tuple[Batches, Batches]:
    """Training batches with the teacher's distributions (unless alpha or rows is 0), and validation batches."""
    data = context.run.data
    rows = read_supervised(data / "train.jsonl", tokenizer, config.train_rows)
    held_out = read_supervised(data / "val.jsonl", tokenizer, config.eval_rows)
    check_rows(rows, tokenizer.vocab_size, data / "train.jsonl")
    check_rows(held_out, tokenizer.vocab_size, data / "val.jsonl")
    lengths = ((len(row.tokens), len(row.labels)) for row in rows)
    logits = largest_logits(lengths, config.buckets, config.batch_size, tokenizer.vocab_size)
    if context.config.student.backend == "tensorflow" and (problem := too_large(logits)) is not None:
        raise UserError(f"distill: {problem}")
    cache = None
    if config.alpha > 0 and config.rows != 0:
        cache = LogitCache(context.run.logits, cache_key(context.run, tokenizer, config))
        check_cache(cache, rows, tokenizer.vocab_size, config.temperature)
        if len(cache) < len(rows):
            say(f"distill: the teacher labelled {len(cache)} of {len(rows)} rows; cross-entropy alone on the others")
    seed = context.config.seed
    training = Batches(rows, config.buckets, config.batch_size, seed, cache, config.temperature)
    return training, Batches(held_out, config.buckets, config.batch_size, None)
