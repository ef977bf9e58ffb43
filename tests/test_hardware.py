"""Threads of a process among others on the machine; whose lines are heard."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from train import doctor, hardware
from train.progress import progress, say


@pytest.mark.parametrize(
    ("processes", "asked", "threads"),
    [
        (None, None, 16),
        (None, "1", 1),
        ("2", "1", 8),  # torchrun's own 1, of a user who asked for nothing
        ("2", None, 8),
        ("2", "3", 3),
        ("32", None, 1),
    ],
)
def test_threads_of_a_process(
    monkeypatch: pytest.MonkeyPatch, processes: str | None, asked: str | None, threads: int
) -> None:
    monkeypatch.setattr(hardware, "cores", lambda: 16)
    for name, value in (("LOCAL_WORLD_SIZE", processes), ("OMP_NUM_THREADS", asked)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert hardware.compute_threads() == threads


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 16),
        ({"cpu.max": "max 100000\n"}, 16),
        ({"cpu.max": "250000 100000\n"}, 3),  # docker --cpus 2.5
        ({"cpu.max": "5000 100000\n"}, 1),
        ({"cpu.max": "6400000 100000\n"}, 16),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 16),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
    ],
)
def test_a_quota_limits_the_cores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, str], cores: int
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(hardware, "CGROUP", tmp_path)
    monkeypatch.setattr(hardware.os, "sched_getaffinity", lambda _: range(16))
    assert hardware.cores() == cores


def test_the_doctor_names_the_gpu_and_its_own_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda _: SimpleNamespace(name="NVIDIA H200", total_memory=150e9)
    )
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    monkeypatch.setattr(doctor, "cpu_has_bf16", lambda: False)
    monkeypatch.setattr(doctor, "Console", lambda: Console(width=200))
    found = doctor.print_doctor()
    assert found["gpu"] == {"name": "NVIDIA H200", "count": 8, "memory_gb": 150.0, "bf16": True}


def test_the_doctor_prints_a_row_for_the_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "Console", lambda: Console(width=200))
    h200 = {"name": "NVIDIA H200", "count": 1, "memory_gb": 150.1, "bf16": True}
    for gpu, text in ((h200, "NVIDIA H200, 150 GB, native bf16"), (None, "none that PyTorch sees")):
        monkeypatch.setattr(doctor, "gpu", lambda gpu=gpu: gpu)
        doctor.print_doctor()
        assert text in capsys.readouterr().out


@pytest.mark.parametrize(("rank", "heard"), [("0", "a\nb\nwork: 1/1 rows 0 s\n"), ("3", "process 3: b\n")])
def test_the_first_of_several_processes_speaks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rank: str, heard: str
) -> None:
    monkeypatch.setenv("RANK", rank)
    say("a")
    say("b", everywhere=True)
    with progress("work", 1, "rows") as meter:
        meter.advance()
    assert capsys.readouterr().err == heard
