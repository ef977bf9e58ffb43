"""A few real steps of the fine-tuning, timed, in a process of their own; nothing is written. For `tandem plan`.

    python -m train.probe CONFIG [key=value …]

The last line of stdout is JSON: seconds of an eager step, and memory of the process above its own.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from train.child import module_command, module_environment
from train.config import Config, load_config
from train.config.load import dump_config
from train.config.schema import LlamaShape, ModelConfig
from train.errors import TandemError
from train.runs import RunFolder, StageContext

STEPS = 3  # the first one is not timed
FEW_WEIGHTS = LlamaShape(
    hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1
)


def probe(config: Config) -> dict[str, Any]:
    """Runs the probe as a child process. The data stage must be done.

    Raises:
        TandemError: it failed, or the system ended it (for want of memory, mostly).
    """
    with tempfile.TemporaryDirectory(prefix="probe-") as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(dump_config(config), encoding="utf-8")
        command = module_command("train.probe", str(path))
        done = subprocess.run(command, env=module_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        ended = "the system ended it: too little memory?" if done.returncode < 0 else last
        raise TandemError(f"The timed probe failed (status {done.returncode}): {ended} Leave it out with --no-probe.")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure(config: Config) -> dict[str, Any]:
    """Steps as the loop makes them, on the run's own packs: step_s, peak_mb, base_mb, device, precision."""
    import torch

    from train.torch_track.job import prepare
    from train.torch_track.packing import pack_order
    from train.torch_track.speed import peak_mb
    from train.torch_track.step import optimizer_step
    from train.tracking.tracker import Tracker

    run = RunFolder(config.runs_dir / config.name)
    with tempfile.TemporaryDirectory(prefix="probe-") as nothing:
        context = StageContext(config, run, "probe", Tracker(None, "finetune"), Path(nothing))
        base = _base_mb(context)
        job = prepare(context)
        size = config.finetune.batch_size
        order, seconds = pack_order(len(job.packs), STEPS * size, config.seed), []
        job.summed_loss.train()
        for step in range(STEPS):
            started = time.perf_counter()
            optimizer_step(job, order[step * size : (step + 1) * size].tolist(), 0.0)
            seconds.append(time.perf_counter() - started)
    device = job.accelerator.device
    on_gpu = device.type == "cuda"
    return {
        "step_s": min(seconds[1:]),
        "peak_mb": round(peak_mb(device), 1),
        "base_mb": 0.0 if on_gpu else round(base, 1),
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
        "precision": "bf16" if job.accelerator.mixed_precision == "bf16" else "fp32",
    }


def _base_mb(context: StageContext) -> float:
    """Resident memory after the same rows and one pack through a model of a few weights: what every run has."""
    import psutil

    from train.torch_track.job import prepare
    from train.torch_track.step import optimizer_step

    config = context.config
    update: dict[str, Any] = {
        "model": ModelConfig(source="random", sha256=None, shape=FEW_WEIGHTS),
        "finetune": config.finetune.model_copy(update={"batch_size": 1, "micro_batch_size": 1}),
    }
    job = prepare(replace(context, config=config.model_copy(update=update)))
    optimizer_step(job, [0], 0.0)
    del job
    gc.collect()
    return float(psutil.Process().memory_info().rss / 1e6)


def main(arguments: Sequence[str]) -> int:
    from train.command import guarded

    return guarded(lambda: measure(load_config(Path(arguments[0]), arguments[1:]).config))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
