"""What this machine can do for Tandem, and the cure for what it can't."""

from __future__ import annotations

import importlib.util
import shutil
from typing import Any

from rich.console import Console
from rich.table import Table

from train.cache import cache_folder
from train.hardware import cores, cpu_has_bf16, cpu_name, versions

EXTRAS = {
    "torch": ("torch", "transformers", "accelerate", "datasets"),
    "tensorflow": ("tensorflow", "keras", "keras_hub"),
    "mobile": ("ai_edge_litert", "ai_edge_quantizer", "tokenizers"),
    "eval": ("scipy", "sklearn", "matplotlib", "jinja2"),
    "track": ("wandb",),
}
DISK_GB = 10.0


def print_doctor() -> dict[str, Any]:
    """Prints one line a finding; returns them as JSON."""
    table = Table("what", "found", "cure", title="tandem doctor", title_justify="left")
    found: dict[str, Any] = {"cores": cores(), "bf16": cpu_has_bf16(), "versions": versions()}
    table.add_row("CPU", f"{cpu_name()}, {cores()} cores", "")
    table.add_row("native bf16", "yes" if cpu_has_bf16() else "no: fp32 is used", "")
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
