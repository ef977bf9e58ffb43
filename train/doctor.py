"""What this machine can do for Tandem, and the cure for what it can't."""

from __future__ import annotations

import importlib.util
import shutil
from typing import Any

from rich.console import Console
from rich.table import Table

from train.cache import cache_folder
from train.hardware import cores, cpu_has_bf16, cpu_name, gpu_has_bf16, versions

EXTRAS = {
    "torch": ("torch", "transformers", "accelerate", "datasets"),
    "tensorflow": ("tensorflow", "keras", "keras_hub"),
    "mobile": ("ai_edge_litert", "ai_edge_quantizer", "tokenizers"),
    "eval": ("scipy", "sklearn", "matplotlib", "jinja2"),
    "track": ("wandb",),
}
DISK_GB = 10.0


def gpu() -> dict[str, Any] | None:
    """The GPU that PyTorch trains on; None where it sees none, or is not installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    device = torch.cuda.get_device_properties(0)
    memory_gb = round(device.total_memory / 1e9, 1)
    return {"name": device.name, "count": torch.cuda.device_count(), "memory_gb": memory_gb, "bf16": gpu_has_bf16()}


def _gpu_text(found: dict[str, Any] | None) -> str:
    if found is None:
        return "none that PyTorch sees: the CPU trains"
    several = f"{found['count']} × " if found["count"] > 1 else ""
    bf16 = "native bf16" if found["bf16"] else "no native bf16: fp32 is used"
    return f"{several}{found['name']}, {found['memory_gb']:.0f} GB, {bf16}"


def print_doctor() -> dict[str, Any]:
    """Prints one line a finding; returns them as JSON."""
    table = Table("what", "found", "cure", title="tandem doctor", title_justify="left")
    found: dict[str, Any] = {"cores": cores(), "bf16": cpu_has_bf16(), "versions": versions()}
    table.add_row("CPU", f"{cpu_name()}, {cores()} cores", "")
    table.add_row("CPU's bf16", "native" if cpu_has_bf16() else "emulated: fp32 is used on the CPU", "")
    found["gpu"] = gpu()
    table.add_row("GPU", _gpu_text(found["gpu"]), "")
    compiler = next((name for name in ("c++", "g++", "clang++") if shutil.which(name)), None)
    table.add_row("C++ compiler", compiler or "none: no torch.compile on the CPU", "" if compiler else "install g++")
    for extra, libraries in EXTRAS.items():
        missing = [name for name in libraries if importlib.util.find_spec(name) is None]
        cure = f"pip install -c constraints.txt -e '.[{extra}]'" if missing else ""
        table.add_row(f"extra {extra}", f"missing: {', '.join(missing)}" if missing else "complete", cure)
        found[f"extra_{extra}"] = not missing
    cache_folder().mkdir(parents=True, exist_ok=True)
    free_gb = shutil.disk_usage(cache_folder()).free / 1e9
    table.add_row("disk", f"{free_gb:.0f} GB free", "" if free_gb > DISK_GB else f"free {DISK_GB:.0f} GB")
    Console().print(table)
    return found | {"free_gb": round(free_gb, 1)}
