"""How long the fine-tuning will take, from the timed steps of a probe, and whether torch.compile pays."""

from __future__ import annotations

from dataclasses import dataclass

from train.config.schema import FinetuneConfig
from train.torch_track.compile_audit import break_even_step
from train.torch_track.compiling import COMPILE_COST_S, COMPILED_SPEEDUP, decide, setting_for

FORWARD_SHARE = 1 / 3  # of a step's FLOPs: the backward pass has two matrix products for each of the forward pass


@dataclass(frozen=True)
class TimeEstimate:
    """Seconds of one process on the machine of the probe. Saving checkpoints is not in it."""

    step_s: float  # eager
    steps: int  # after the time budget's cut
    planned_steps: int
    compiles: bool
    break_even_step: int | None  # None: compiling is off
    validation_s: float  # all validations together
    total_s: float

    def sentence(self) -> str:
        """For the person who plans."""
        cut = "" if self.steps == self.planned_steps else f" of {self.planned_steps}, cut by finetune.max_minutes"
        text = f"about {self.total_s / 60:.1f} minutes for {self.steps} steps{cut}, validation in it. "
        if self.break_even_step is None:
            return text + "torch.compile is off."
        verdict = "pays" if self.compiles else "does not pay"
        return (
            f"{text}torch.compile {verdict} (break-even near step {self.break_even_step}, taking {COMPILE_COST_S:.0f} "
            f"s of compiling and {COMPILED_SPEEDUP} × the speed, as measured once; the run times its own steps)."
        )


def estimate_time(settings: FinetuneConfig, steps: int, rows_a_pack: float, step_s: float) -> TimeEstimate:
    """The estimate for `steps` eager steps of `step_s` seconds.

    Args:
        rows_a_pack: mean over the training rows; validation rows are taken to be like them.
    """
    passes = settings.eval_rows / rows_a_pack / settings.batch_size
    one_validation = passes * step_s * FORWARD_SHARE
    limit_s = None if settings.max_minutes is None else 60 * settings.max_minutes
    setting = setting_for(settings)
    compiles = decide(setting, step_s, steps, limit_s)
    compiled_s = step_s / COMPILED_SPEEDUP
    fixed_s, per_step = (COMPILE_COST_S, compiled_s) if compiles else (0.0, step_s)
    per_step_all = per_step + one_validation / settings.eval_every
    fitting = steps if limit_s is None else min(steps, max(1, int((limit_s - fixed_s) / per_step_all)))
    validation_s = max(1, fitting // settings.eval_every) * one_validation
    even = None if setting == "off" else break_even_step(COMPILE_COST_S, step_s, compiled_s)
    total = fixed_s + fitting * per_step + validation_s
    return TimeEstimate(step_s, fitting, steps, compiles, even, validation_s, total)
