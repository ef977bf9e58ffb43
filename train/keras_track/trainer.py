"""The student's training loop: budget, validation, early stopping, checkpoints, log.

Reads like train/torch_track/loop.py: the same names for the same things, in the same order.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import Any

from train.config.schema import DistillConfig
from train.errors import TandemError
from train.keras_track.batches import Batches
from train.keras_track.checkpoint import Checkpoint, TrainState
from train.keras_track.sampling import ENGINE, greedy
from train.keras_track.student import StudentModel
from train.keras_track.train_step import train_step
from train.progress import Meter, progress, say
from train.schedule import learning_rate
from train.time_budget import TimeBudget
from train.tracking import Tracker
from train.tracking.sample_prompts import SamplePrompts

LOG_EVERY = 10


@dataclass
class Window:
    """Sums since the last line of the log."""

    losses: list[float] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainingPart:
    """Which training this is.

    Args:
        steps: at most so many; None: all epochs.
        schedule: steps that the learning rate is laid out for; None: those of the training.
        prefix: what stands before its figures.
    """

    steps: int | None = None
    schedule: int | None = None
    prefix: str = ""


WHOLE = TrainingPart()


class Trainer:
    """The training loop. All that decides the result is in the variables and the TrainState."""

    def __init__(
        self,
        config: DistillConfig,
        student: StudentModel,
        training: Batches,
        validation: Batches,
        checkpoint: Checkpoint,
        tracker: Tracker,
        part: TrainingPart = WHOLE,
        prompts: SamplePrompts | None = None,
    ) -> None:
        self._config, self._tracker, self._part, self._prompts = config, tracker, part, prompts
        self._student, self._training, self._validation = student, training, validation
        self._checkpoint, self._best = checkpoint, checkpoint.beside("best")
        self._step = train_step(student, self._config)
        self.state = self._restored()
        limit = None if self._config.max_minutes is None else 60 * self._config.max_minutes
        self._budget = TimeBudget(limit, training.per_bucket, self.state.spent_s)
        self._evaluation_s: float | None = None
        self._scheduled: int | None = None  # total_steps before early stopping
        self._warm_tokens, self._warm_seconds = 0, 0.0
        self._tokens = training.tokens_before(self.state.step)  # counted on from here: over an epoch it takes a while

    def train(self) -> dict[str, Any]:
        """Trains to the last step; returns headline figures."""
        if self.state.step:
            say(f"distill: goes on after step {self.state.step} of {self.state.total_steps}")
        with progress("distill", self.state.total_steps, "steps") as meter:
            meter.advance(self.state.step)
            self._loop(meter)
        loss = self._final_loss()
        return {
            "val_loss": round(loss, 5),
            "steps": self.state.step,
            "schedule_steps": self._scheduled or self.state.total_steps,
            **self._early_stopping_figures(),
            "tokens_per_s": round(self._warm_tokens / self._warm_seconds, 1) if self._warm_seconds else 0.0,
            "params": self._student.count_params(),
        }

    def _loop(self, meter: Meter) -> None:
        window, plan = Window(), self._training.from_step(self.state.step)
        mark = time.monotonic()
        for batch in self._training.dataset(self.state.step):
            if self.state.step >= self.state.total_steps:
                return
            planned = next(plan)
            config = self._config
            total = self._part.schedule or self.state.total_steps
            rate = learning_rate(self.state.step, total, config.learning_rate, config.warmup_steps, config.min_lr_ratio)
            loss, _, norm = self._step(batch, rate)
            # From step to step: waiting for data counts, and so do validation and checkpoints in the budget.
            seconds, tokens = time.monotonic() - mark, self._training.tokens(planned)
            mark += seconds
            self._count(batch, planned.bucket, seconds, tokens)
            self._tokens += tokens
            self._advance()
            window.losses.append(loss)
            window.tokens, window.seconds = window.tokens + tokens, window.seconds + seconds
            meter.advance(loss=loss, tok_per_s=tokens / seconds)
            self._after_step(meter)
            if self.state.step % LOG_EVERY == 0 or self.state.step == self.state.total_steps:  # early stopping's, too
                self._log(window, rate, norm)
                window = Window()

    def _count(self, batch: Any, bucket: int, seconds: float, tokens: int) -> None:
        """Times the step; the first one of a bucket compiles, and is checked to have been compiled by XLA."""
        if bucket in self._budget.cold:
            self._warm_tokens, self._warm_seconds = self._warm_tokens + tokens, self._warm_seconds + seconds
        elif self._step.XLA and not self._step.uses_xla(batch):
            raise TandemError(f"The training step for batches of length {bucket} was not compiled by XLA.")
        self._budget.record(bucket, seconds)

    def _advance(self) -> None:
        self.state = replace(self.state, step=self.state.step + 1, spent_s=self._budget.spent_s)

    def _after_step(self, meter: Meter) -> None:
        """Time budget, validation, checkpoint."""
        state = self.state
        if not state.cut and self._budget.ready:
            if self._evaluation_s is None:
                self._evaluate()
            evaluation = (self._evaluation_s or 0.0) / self._config.eval_every
            total = self._budget.total(state.step, state.total_steps, evaluation)
            if total < state.total_steps:
                say(f"distill: {total} of {state.total_steps} steps fit into {self._config.max_minutes:g} minutes")
            meter.set_total(total)
            self.state = replace(state, total_steps=total, cut=True, spent_s=self._budget.spent_s)
        if state.step < self.state.total_steps:  # after the last step both are done for good
            if state.step % self._config.eval_every == 0:
                self._judge(self._evaluate())
            if state.step % self._config.save_every == 0:
                self._checkpoint.save(self.state, self._step.state())

    def _judge(self, loss: float) -> None:
        """Early stopping: keeps the best weights, and ends the training where they no longer get better."""
        settings, state = self._config.early_stopping, self.state
        if settings is None:
            return
        selection = state.selection.seen(loss, state.step, settings.min_delta)
        out_of_patience = selection.stale >= settings.patience and state.step < state.total_steps
        self.state = replace(state, selection=replace(selection, stopped=out_of_patience))
        if selection.best_step == state.step:
            self._best.save(self.state, {"student": self._step.state()["student"]})
        if out_of_patience:
            say(f"distill: stopped early at step {state.step}: {selection.stale} validations without improvement")
            self._scheduled = state.total_steps
            self.state = replace(self.state, total_steps=state.step)

    def _final_loss(self) -> float:
        """Validation loss of the weights that are kept: the best where early stopping is on, else the last."""
        if not self.state.selection.stopped:
            loss = self._evaluate()
            self._judge(loss)
            if self.state.selection.best_step in (None, self.state.step):
                return loss
        self._best.load({"student": self._step.state()["student"]})
        return float(self.state.selection.best or 0.0)

    def _early_stopping_figures(self) -> dict[str, Any]:
        if self._config.early_stopping is None:
            return {}
        selection = self.state.selection
        return {"best_step": selection.best_step, "stopped_early": selection.stopped}

    def _planned(self) -> int:
        """Steps of all epochs, or those asked for."""
        return self._part.steps or max(1, math.ceil(self._config.epochs * len(self._training)))

    def validation_loss(self) -> float:
        """Cross-entropy of the student as it is, in nats a token."""
        return self._step.evaluate(self._validation.dataset(batches=len(self._validation)))

    def _evaluate(self) -> float:
        start = time.monotonic()
        loss = self.validation_loss()
        self._log_samples()
        seconds = time.monotonic() - start
        # The first validation compiles; the time of one is known from the second on.
        self._evaluation_s = seconds if self._evaluation_s is None else min(seconds, self._evaluation_s)
        self._track({**self._at(), "eval/loss": loss})
        return loss

    def _at(self) -> dict[str, float]:
        """Both x-axes: a plot over tokens compares this track with the other."""
        return {"train/step": self.state.step, "train/tokens": self._tokens}

    def _log_samples(self) -> None:
        prompts = self._prompts
        if prompts is not None:
            answers = greedy(self._student, prompts.prompts, prompts.max_new_tokens, prompts.tokenizer.stop_id)
            self._tracker.samples(prompts.samples(self.state.step, self._part.prefix + ENGINE, answers))

    def _log(self, window: Window, rate: float, norm: float) -> None:
        self._track(
            {
                **self._at(),
                "train/loss": sum(window.losses) / len(window.losses),
                "train/lr": rate,
                "train/grad_norm": norm,
                "train/tok_per_s": window.tokens / window.seconds,
                "train/step_ms": 1e3 * window.seconds / len(window.losses),
            }
        )

    def _track(self, figures: dict[str, Any]) -> None:
        self._tracker.log({self._part.prefix + name: value for name, value in figures.items()})

    def _restored(self) -> TrainState:
        """State of the checkpoint, else that of a new training."""
        state = self._checkpoint.state()
        best_step = None if state is None else state.selection.best_step
        if best_step is not None and (fault := self._best.fault()):
            say(
                f"distill: the best weights so far, of step {best_step}: their checkpoint {fault}; training starts anew"
            )
            state = None
        if state is None:
            return TrainState(0, self._planned(), False, 0.0)
        self._checkpoint.load(self._step.state())
        return state
