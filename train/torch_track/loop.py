"""The training loop: steps in order, with the decisions that are taken once, logs, validation and checkpoints."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import torch

from train.errors import TandemError
from train.progress import Meter, progress, say
from train.schedule import learning_rate
from train.time_budget import TimeBudget
from train.torch_track import guard
from train.torch_track.compile_audit import CompileAudit, figures
from train.torch_track.compiling import CompileDecision, compile_layers, decide, has_compiler, setting_for
from train.torch_track.cuda_graph import record
from train.torch_track.flex_trial import problem as flex_problem
from train.torch_track.flops import peak_flops
from train.torch_track.job import Job
from train.torch_track.loss import SummedLoss
from train.torch_track.packing import pack_order
from train.torch_track.sampling import log_samples
from train.torch_track.sharding import is_sharded
from train.torch_track.speed import Window
from train.torch_track.step import StepResult, optimizer_step, own_micro_batches
from train.torch_track.validation import validate

ELSEWHERE = "its trial failed on another process"
EAGER_STEPS = 3  # made before torch.compile is decided; the first one is not timed


def train(job: Job) -> None:
    """From the step of `job.state` to the last one. Speed, loss and validation go to the tracker."""
    settings = job.settings
    order = pack_order(len(job.packs), job.state.total_steps * settings.batch_size, job.context.config.seed)
    limit_s = None if settings.max_minutes is None else 60 * settings.max_minutes
    budget = TimeBudget(limit_s, Counter({settings.sequence_length: 1}), job.state.seconds)
    if job.state.step < job.state.total_steps:
        if job.state.compile_on:
            _compile(job, budget)
        if job.state.compile_on is not None:
            record(job)
    window, eager_s, audit = Window(job, _peak(job)), list[float](), CompileAudit()
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
            _guarded(job, result, indices, rate, window)
            window.add(result, indices, rate, seconds, meter)
            if job.state.compile_on is None:
                budget.spent_s += seconds
                eager_s.append(seconds)
                if len(eager_s) == EAGER_STEPS:
                    _decide_compile(job, min(eager_s[1:]), budget)
            else:
                budget.record(settings.sequence_length, seconds)
            _after_step(job, budget, meter)
        window.log()
    _undecided(job)
    _report_compiling(job, audit, budget)


def _guarded(job: Job, result: StepResult, indices: list[int], rate: float, window: Window) -> None:
    """Counts the step; where it ends the run, the steps before it, which show how it came to this, are logged first."""
    try:
        guard.after_step(job, result, indices, rate)
    except TandemError:
        window.log()
        raise


def _undecided(job: Job) -> None:
    """Says so where the run was over before torch.compile was decided."""
    if job.state.compile_on is None and job.state.step:
        job.state = replace(job.state, compile_on=False, compile_reason=f"fewer than {EAGER_STEPS} steps")
        if job.settings.compile == "on":
            say(f"finetune: nothing was compiled, though finetune.compile is 'on': fewer than {EAGER_STEPS} steps")


def _report_compiling(job: Job, audit: CompileAudit, budget: TimeBudget) -> None:
    """The compile audit, in the metrics and as a line for the person who waits."""
    state, steps_s = job.state, budget.warm[job.settings.sequence_length]
    if not (state.compile_on or job.breaks) or not steps_s or state.eager_step_s is None:
        return
    again = audit.recompilations()
    found = figures(job.breaks, again, state.compile_seconds, state.eager_step_s, median(steps_s))
    job.context.tracker.log({"train/step": state.step, **found})
    paid = found["compile/break_even_step"]
    say(
        f"finetune: compiling took {state.compile_seconds:.0f} s; a step {found['compile/eager_step_ms']:.0f} → "
        f"{found['compile/step_ms']:.0f} ms, " + (f"paid after {paid} steps" if paid else "not faster")
    )
    for compilation in again:
        say(f"finetune: compiled again: {compilation.code}: {compilation.recompile_reason}")


def _peak(job: Job) -> float | None:
    """FLOP/s that MFU is a share of; logged once with where it comes from. None: MFU is left out."""
    reached, origin = peak_flops(job.accelerator.device, job.accelerator.mixed_precision == "bf16")
    known = {} if reached is None else {"train/peak_flops": reached}
    job.context.tracker.log({"train/step": job.state.step, **known, "train/peak_flops_from": origin})
    if reached is None:
        say(f"finetune: MFU is left out: {origin}")
    return reached


def _decide_compile(job: Job, eager_step_s: float, budget: TimeBudget) -> None:
    eager_step_s, spent_s = job.of_process_0(eager_step_s, budget.spent_s)
    left_s = None if budget.limit_s is None else budget.limit_s - spent_s
    job.state = replace(job.state, eager_step_s=eager_step_s)
    setting = setting_for(job.settings)
    if decide(setting, eager_step_s, job.state.total_steps - job.state.step, left_s):
        _compile(job, budget)
    else:
        reason = "off" if setting == "off" else "too few steps to pay for compiling"
        job.state = replace(job.state, compile_on=False, compile_reason=reason)
    record(job)


def _compile(job: Job, budget: TimeBudget) -> None:
    """Compiles now, on the first packs; their gradients are thrown away.

    DDP is left out of it: a process on which compiling fails goes on without, while others don't, and would be missed
    in a reduction. Sharded layers are gathered whenever they are called: there, all processes compile or none.
    """
    started, module = time.monotonic(), job.accelerator.unwrap_model(job.summed_loss)

    def trial() -> None:
        first = [index % len(job.packs) for index in range(job.settings.batch_size)]
        for batch in own_micro_batches(job.packs, first, job.settings.micro_batch_size, job.accelerator):
            job.accelerator.backward(module(batch))

    if module.road.flex:
        _take_flex_attention(job, module)
    able = job.on_all(has_compiler()) if is_sharded(job.model) else None
    found = _compiled(job, module, trial, able)
    job.optimizer.zero_grad()
    job.breaks = found.breaks
    seconds = time.monotonic() - started
    budget.spent_s += seconds
    spent = round(seconds, 1) if found.on else 0.0
    job.state = replace(job.state, compile_on=found.on, compile_reason=found.reason, compile_seconds=spent)


def _compiled(job: Job, module: SummedLoss, trial: Callable[[], None], able: bool | None) -> CompileDecision:
    """Where layers can't be compiled with FlexAttention, they are with the attention that they have uncompiled."""
    setting, autocast = job.settings.compile, job.accelerator.autocast
    if module.kernel == "flex" and job.settings.attention == "auto":
        found = compile_layers(job.model, "auto", trial, autocast, able)
        if found.on:
            return found
        module.kernel = module.road.attention
        say("finetune: once more with FlashAttention in place of FlexAttention")
    found = compile_layers(job.model, setting, trial, autocast, able)
    if not found.on:
        module.kernel = module.road.attention
    return found


def _take_flex_attention(job: Job, module: SummedLoss) -> None:
    """In the layers that are compiled next, if a trial on every process shows that it can be trained with."""
    config = job.model.config
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads or config.num_attention_heads
    first = torch.from_numpy(job.packs.segments[:1]).to(job.accelerator.device)
    found = flex_problem(first, heads, kv_heads, config.head_dim or config.hidden_size // heads)
    if job.on_all(found is None):
        module.kernel = "flex"
    elif job.settings.attention == "flex":
        raise TandemError(f"finetune.attention is 'flex', but {found or ELSEWHERE}. Set it to 'auto'.")
    else:
        say(f"finetune: FlashAttention in place of FlexAttention: {found or ELSEWHERE}")


def _after_step(job: Job, budget: TimeBudget, meter: Meter) -> None:
    """Time budget, validation, early stopping, checkpoint."""
    settings = job.settings
    started = time.monotonic()
    cut_now = not job.state.budget_applied and budget.limit_s is not None and bool(job.of_process_0(budget.ready)[0])
    # Until both decisions are taken a resumed run could decide otherwise: it starts anew instead.
    decided = job.state.compile_on is not None and (budget.limit_s is None or job.state.budget_applied or cut_now)
    last = job.state.step == job.state.total_steps
    new_best = False
    if cut_now or last or job.state.step % settings.eval_every == 0:
        new_best = _validate(job, counts=decided or last)
    if cut_now:
        _cut(job, budget, (time.monotonic() - started) / settings.eval_every, meter)
    last = job.state.step == job.state.total_steps
    budget.spent_s += time.monotonic() - started
    job.state = replace(job.state, seconds=budget.spent_s)
    due = decided and (job.state.step % settings.save_every == 0 or new_best)
    if last or due:
        started = time.monotonic()
        job.save_checkpoint()
        budget.spent_s += time.monotonic() - started


def _validate(job: Job, counts: bool) -> bool:
    """Validates and logs; where it `counts`, updates best checkpoint and early stopping. Whether this is a new best."""
    metrics = validate(job)
    job.state = replace(job.state, metrics=metrics)
    at = {"train/step": job.state.step, "train/tokens": job.tokens}
    job.context.tracker.log({**at, **{f"eval/{k}": v for k, v in metrics.items()}})
    log_samples(job)
    if not counts:
        return False
    selection = job.state.selection.seen(metrics[job.settings.best_metric], job.state.step, job.settings)
    job.state = replace(job.state, selection=selection)
    if selection.exhausted(job.settings) and job.state.step < job.state.total_steps:
        say(f"finetune: stopped early at step {job.state.step}: {selection.stale} validations without improvement")
        job.state = replace(job.state, total_steps=job.state.step, stopped_early=True)
    return selection.best_step == job.state.step


def _cut(job: Job, budget: TimeBudget, validation_s: float, meter: Meter) -> None:
    """Cuts the number of steps to what fits; validation takes `validation_s` a step on average."""
    fitting = min(job.state.total_steps, budget.total(job.state.step, job.state.total_steps, validation_s))
    total = int(job.of_process_0(fitting)[0])
    if total < job.state.total_steps:
        say(f"finetune: {job.settings.max_minutes:g} minutes hold {total} of {job.state.total_steps} planned steps")
        meter.set_total(total)
    job.state = replace(job.state, total_steps=total, budget_applied=True)
