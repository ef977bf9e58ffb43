"""The training loop: steps in order, with the two decisions that are taken once, logs, validation and checkpoints."""

from __future__ import annotations

import time
from dataclasses import replace

from train.progress import Meter, progress, say
from train.schedule import learning_rate
from train.time_budget import steps_in_budget
from train.torch_track import checkpoint
from train.torch_track.compiling import compile_layers, decide
from train.torch_track.job import Job
from train.torch_track.packing import pack_order
from train.torch_track.step import StepResult, optimizer_step, own_micro_batches, validation_loss

EAGER_STEPS = 3  # made before torch.compile is decided; the first one is not timed
TIMED_STEPS = 5  # made after that decision, before the time budget may cut the number of steps
LOG_EVERY = 5


def train(job: Job) -> None:
    """From the step of `job.state` to the last one. Speed, loss and validation go to the tracker."""
    settings = job.settings
    order = pack_order(len(job.packs), job.state.total_steps * settings.batch_size, job.context.config.seed)
    spent_before, started = job.state.seconds, time.monotonic()
    if job.state.compile_on:
        _compile(job)
    window = _Window(job)
    durations: list[float] = []
    job.summed_loss.train()
    with progress("finetune", job.state.total_steps, "steps") as meter:
        meter.advance(job.state.step)
        while job.state.step < job.state.total_steps:
            step_started = time.monotonic()
            done = job.state.step
            rate = learning_rate(
                done, job.state.total_steps, settings.learning_rate, settings.warmup_steps, settings.min_lr_ratio
            )
            indices = order[done * settings.batch_size : (done + 1) * settings.batch_size].tolist()
            result = optimizer_step(job, indices, rate)
            durations.append(time.monotonic() - step_started)
            job.state = replace(job.state, step=done + 1, seconds=spent_before + time.monotonic() - started)
            window.add(result, rate, durations[-1], meter)
            if job.state.compile_on is None and len(durations) >= EAGER_STEPS:
                _decide_compile(job, min(durations[1:]))
                durations.clear()
            elif job.state.compile_on is not None and not job.state.budget_applied and len(durations) >= TIMED_STEPS:
                job.state = replace(job.state, seconds=spent_before + time.monotonic() - started)
                _apply_budget(job, durations, meter)
            _after_step(job)


def _decide_compile(job: Job, eager_step_s: float) -> None:
    minutes = job.settings.max_minutes
    budget_s = None if minutes is None else minutes * 60 - job.state.seconds
    if decide(job.settings.compile, eager_step_s, job.state.total_steps - job.state.step, budget_s):
        _compile(job)
    else:
        reason = "off" if job.settings.compile == "off" else "too few steps to pay for compiling"
        job.state = replace(job.state, compile_on=False, compile_reason=reason)


def _compile(job: Job) -> None:
    """Compiles now, on the first packs; their gradients are thrown away."""

    def trial() -> None:
        first = list(range(job.settings.micro_batch_size * job.accelerator.num_processes))
        first = [index % len(job.packs) for index in first]
        for batch in own_micro_batches(job.packs, first, job.settings.micro_batch_size, job.accelerator):
            job.accelerator.backward(job.summed_loss(batch))
        job.optimizer.zero_grad()

    found = compile_layers(job.model, job.settings.compile, trial)
    job.optimizer.zero_grad()  # a failed trial may have left some
    job.state = replace(job.state, compile_on=found.on, compile_reason=found.reason, compile_seconds=found.seconds)


def _apply_budget(job: Job, durations: list[float], meter: Meter) -> None:
    state = job.state
    total = steps_in_budget(state.total_steps, state.step, state.seconds, durations, job.settings.max_minutes)
    if total < state.total_steps:
        say(f"finetune: {job.settings.max_minutes:g} minutes hold {total} of {state.total_steps} planned steps")
        meter.set_total(total)
    job.state = replace(state, total_steps=total, budget_applied=True)


def _after_step(job: Job) -> None:
    settings, step = job.settings, job.state.step
    if step % settings.eval_every == 0 and step < job.state.total_steps:
        job.context.tracker.log({"train/step": step, "eval/loss": validation_loss(job)})
    decided = job.state.compile_on is not None and job.state.budget_applied
    due = step % settings.save_every == 0 or step == job.state.total_steps
    if due and (decided or step == job.state.total_steps) and job.accelerator.is_main_process:
        context = job.context
        checkpoint.save(
            context.checkpoints, job.model, job.optimizer, job.state, context.fingerprint, settings.keep_checkpoints
        )


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
