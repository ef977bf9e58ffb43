"""The training loop: steps in order, with the two decisions that are taken once, logs, validation and checkpoints."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

from train.progress import Meter, progress, say
from train.schedule import learning_rate
from train.time_budget import TimeBudget
from train.torch_track import checkpoint
from train.torch_track.compiling import compile_layers, decide
from train.torch_track.job import Job
from train.torch_track.packing import pack_order
from train.torch_track.step import StepResult, optimizer_step, own_micro_batches, validation_loss

EAGER_STEPS = 3  # made before torch.compile is decided; the first one is not timed
LOG_EVERY = 5


def train(job: Job) -> None:
    """From the step of `job.state` to the last one. Speed, loss and validation go to the tracker."""
    settings = job.settings
    order = pack_order(len(job.packs), job.state.total_steps * settings.batch_size, job.context.config.seed)
    limit_s = None if settings.max_minutes is None else 60 * settings.max_minutes
    budget = TimeBudget(limit_s, Counter({settings.sequence_length: 1}), job.state.seconds)
    if job.state.compile_on:
        _compile(job, budget)
    window, eager_s = _Window(job), list[float]()
    job.summed_loss.train()
    with progress("finetune", job.state.total_steps, "steps") as meter:
        meter.advance(job.state.step)
        while job.state.step < job.state.total_steps:
            started, done = time.monotonic(), job.state.step
            rate = learning_rate(
                done, job.state.total_steps, settings.learning_rate, settings.warmup_steps, settings.min_lr_ratio
            )
            indices = order[done * settings.batch_size : (done + 1) * settings.batch_size].tolist()
            result = optimizer_step(job, indices, rate)
            seconds = time.monotonic() - started
            job.state = replace(job.state, step=done + 1)
            window.add(result, rate, seconds, meter)
            if job.state.compile_on is None:
                budget.spent_s += seconds
                eager_s.append(seconds)
                if len(eager_s) == EAGER_STEPS:
                    _decide_compile(job, min(eager_s[1:]), budget)
            else:
                budget.record(settings.sequence_length, seconds)
            _after_step(job, budget, meter)


def _decide_compile(job: Job, eager_step_s: float, budget: TimeBudget) -> None:
    left_s = None if budget.limit_s is None else budget.limit_s - budget.spent_s
    if decide(job.settings.compile, eager_step_s, job.state.total_steps - job.state.step, left_s):
        _compile(job, budget)
    else:
        reason = "off" if job.settings.compile == "off" else "too few steps to pay for compiling"
        job.state = replace(job.state, compile_on=False, compile_reason=reason)


def _compile(job: Job, budget: TimeBudget) -> None:
    """Compiles now, on the first packs; their gradients are thrown away."""

    def trial() -> None:
        first = [index % len(job.packs) for index in range(job.settings.batch_size)]
        for batch in own_micro_batches(job.packs, first, job.settings.micro_batch_size, job.accelerator):
            job.accelerator.backward(job.summed_loss(batch))

    found = compile_layers(job.model, job.settings.compile, trial)
    job.optimizer.zero_grad()
    budget.spent_s += found.seconds
    job.state = replace(job.state, compile_on=found.on, compile_reason=found.reason, compile_seconds=found.seconds)


def _after_step(job: Job, budget: TimeBudget, meter: Meter) -> None:
    """Validation, time budget, checkpoint."""
    settings = job.settings
    started, last = time.monotonic(), job.state.step == job.state.total_steps
    cut_now = budget.ready and not job.state.budget_applied
    if cut_now or (job.state.step % settings.eval_every == 0 and not last):
        job.context.tracker.log({"train/step": job.state.step, "eval/loss": validation_loss(job)})
    if cut_now:
        _cut(job, budget, (time.monotonic() - started) / settings.eval_every, meter)
    budget.spent_s += time.monotonic() - started
    job.state = replace(job.state, seconds=budget.spent_s)
    # Until both decisions are taken a resumed run could decide otherwise: it starts anew instead.
    decided = job.state.compile_on is not None and (budget.limit_s is None or job.state.budget_applied)
    if (last or (decided and job.state.step % settings.save_every == 0)) and job.accelerator.is_main_process:
        started = time.monotonic()
        context = job.context
        checkpoint.save(
            context.checkpoints, job.model, job.optimizer, job.state, context.fingerprint, settings.keep_checkpoints
        )
        budget.spent_s += time.monotonic() - started


def _cut(job: Job, budget: TimeBudget, validation_s: float, meter: Meter) -> None:
    """Cuts the number of steps to what fits; validation takes `validation_s` a step on average."""
    total = budget.total(job.state.step, job.state.total_steps, validation_s)
    if total < job.state.total_steps:
        say(f"finetune: {job.settings.max_minutes:g} minutes hold {total} of {job.state.total_steps} planned steps")
        meter.set_total(total)
    job.state = replace(job.state, total_steps=total, budget_applied=True)


class _Window:
    """Figures of the last LOG_EVERY steps, logged together."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._results: list[StepResult] = []
        self._seconds = 0.0

    def add(self, result: StepResult, rate: float, seconds: float, meter: Meter) -> None:
        self._results.append(result)
        self._seconds += seconds
        state = self._job.state
        speed = sum(r.tokens for r in self._results) / self._seconds
        meter.advance(loss=result.loss, tok_per_s=speed)
        if state.step % LOG_EVERY and state.step != state.total_steps:
            return
        supervised = sum(r.supervised for r in self._results)
        self._job.context.tracker.log(
            {
                "train/step": state.step,
                "train/loss": sum(r.loss * r.supervised for r in self._results) / max(1, supervised),
                "train/grad_norm": max(r.grad_norm for r in self._results),
                "train/lr": rate,
                "train/tokens": state.step * self._job.settings.batch_size * self._job.settings.sequence_length,
                "train/tok_per_s": speed,
                "train/supervised_tok_per_s": supervised / self._seconds,
                "train/step_ms": 1000 * self._seconds / len(self._results),
            }
        )
        self._results, self._seconds = [], 0.0
