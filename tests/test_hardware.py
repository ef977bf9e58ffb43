"""Threads of a process among others on the machine; whose lines are heard."""

from __future__ import annotations

import pytest

from train import hardware
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
