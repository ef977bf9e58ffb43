"""What this machine is: cores, native bf16, versions. Recorded with every result."""

from __future__ import annotations

import functools
import importlib.metadata
import math
import os
import platform
import resource
import sys
from pathlib import Path

# Measured on two AMD cores with AVX2 alone: SmolLM2-135M, 16 rows of 64 tokens, one step in fp32 5.9 s, in bf16
# autocast 158 s, since the products are emulated. On cores with AVX512-BF16 the same autocast is 2.3 times as fast.
NATIVE_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
CGROUP = Path("/sys/fs/cgroup")  # Linux's limits of this container
RECORDED = (
    "torch",
    "transformers",
    "accelerate",
    "datasets",
    "tokenizers",
    "tensorflow",
    "keras",
    "keras-hub",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "numpy",
    "wandb",
)


def cores() -> int:
    """CPU cores this process may use, not the machine's count: containers limit it, by a set of cores or by a quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    quota = _cpu_quota()
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def _cpu_quota() -> float | None:
    """Cores' worth of time that this container gets (docker --cpus, limits of Kubernetes); None: no quota."""
    try:
        quota, period = (CGROUP / "cpu.max").read_text().split()  # version 2
    except (OSError, ValueError):
        try:
            quota, period = ((CGROUP / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        except OSError:
            return None
    return None if quota.strip() in ("max", "-1") else int(quota) / int(period)


def compute_threads() -> int:
    """Threads for computing in this process: OMP_NUM_THREADS where it is set, else this process's share of the cores.

    A 1 beside other processes is taken for unset: torchrun sets it by itself.
    """
    processes = int(os.environ.get("LOCAL_WORLD_SIZE") or 1)  # on this machine
    asked = int(os.environ.get("OMP_NUM_THREADS") or 0)
    if asked and not (asked == 1 and processes > 1):
        return asked
    return max(1, cores() // processes)


@functools.cache
def cpu_flags() -> frozenset[str]:
    """Instruction-set flags of the CPU as Linux names them; empty where they can't be read."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    for line in text.splitlines():
        if line.startswith(("flags", "Features")):
            return frozenset(line.split(":", 1)[1].split())
    return frozenset()


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 natively; where it doesn't, bf16 is far slower than fp32."""
    return bool(cpu_flags() & NATIVE_BF16_FLAGS)


def gpu_has_bf16() -> bool:
    """Whether the CUDA device multiplies bf16 natively: from Ampere (2020) on. PyTorch would count emulation."""
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Versions of the libraries that matter, without importing them; absent ones are left out."""
    found = {"python": platform.python_version()}
    for name in RECORDED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def environment() -> dict[str, object]:
    """The machine as it stands in a result file."""
    return {
        "cpu": cpu_name(),
        "cores": cores(),
        "native_bf16": cpu_has_bf16(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
    }


def peak_memory_mb() -> float:
    """Peak resident memory of this process so far, in MB (10^6 bytes).

    On Linux from VmHWM: ru_maxrss survives exec, so a child would report its parent's peak.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
