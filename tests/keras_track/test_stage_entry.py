"""What is decided before Keras is imported, early stopping, prefetching: no framework in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import tiny_config
from tests.keras_track.child_backend import batch
from train.config.load import load_config
from train.errors import TandemError, UserError
from train.keras_track.batch_shapes import check_batch
from train.keras_track.early_stopping import Selection
from train.keras_track.prefetch import prefetched
from train.keras_track.stage import checked_backend, choose_backend, split_cpu


@pytest.mark.parametrize(("word", "meant"), [("pytorch", "torch"), ("PyTorch", "torch"), ("tf", "tensorflow")])
def test_the_right_word_in_the_config(tmp_path: Path, word: str, meant: str) -> None:
    (tmp_path / "config.yaml").write_text(f"name: x\nstudent:\n  backend: {word}\n")
    with pytest.raises(UserError, match=rf"student\.backend.*config\.yaml:3.*'{meant}', as Keras calls it") as error:
        load_config(tmp_path / "config.yaml", [])
    assert len(str(error.value).splitlines()) <= 2


def test_unknown_back_end_of_the_variable() -> None:
    with pytest.raises(UserError, match=r"KERAS_BACKEND is 'mxnet'.*tensorflow, jax, torch"):
        checked_backend("mxnet", "The variable KERAS_BACKEND")


def test_config_goes_before_the_variable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    choose_backend("jax")
    assert os.environ["KERAS_BACKEND"] == "jax"
    assert "KERAS_BACKEND=torch" in capsys.readouterr().err
    monkeypatch.setenv("KERAS_BACKEND", "pytorch")
    with pytest.raises(UserError, match="Keras calls it 'torch'"):
        choose_backend("jax")


def test_jax_gets_as_many_cpu_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "1")
    monkeypatch.delenv("JAX_NUM_CPU_DEVICES")
    split_cpu("jax", 1)
    assert "JAX_NUM_CPU_DEVICES" not in os.environ
    split_cpu("jax", 2)
    assert os.environ.pop("JAX_NUM_CPU_DEVICES") == "2"
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=4")  # jax refuses both together
    split_cpu("jax", 2)
    assert "JAX_NUM_CPU_DEVICES" not in os.environ


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"distill": {"devices": 3, "batch_size": 8}}, "distill.batch_size 8 is not a multiple of distill.devices 3"),
        ({"distill": {"devices": 2}, "student": {"backend": "torch"}}, "one device on student.backend torch"),
    ],
)
def test_devices_that_can_not_be(tmp_path: Path, sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny_config(tmp_path, **sections)


def test_early_stopping_by_hand() -> None:
    """min_delta .1: 1.0 counts, .95 is best but stale, .85 counts, then three worse ones, one of them no number."""
    selection, stale = Selection(), []
    for step, loss in enumerate([1.0, 0.95, 0.85, 0.9, float("nan"), 0.86]):
        selection = selection.seen(loss, step, 0.1)
        stale.append(selection.stale)
    assert stale == [0, 1, 0, 1, 2, 3]
    assert (selection.best, selection.best_step) == (0.85, 2)


def test_prefetching_keeps_the_order_and_ends_with_its_reader() -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number * number

    assert list(prefetched(make, iter(range(10)))) == [number * number for number in range(10)]
    made.clear()
    endless: Iterator[int] = prefetched(make, count())
    assert list(islice(endless, 3)) == [0, 1, 4]
    endless.close()  # type: ignore[attr-defined]
    after = len(made)
    assert 3 <= after <= 3 + 5
    with pytest.raises(ZeroDivisionError):
        list(prefetched(lambda number: 1 // number, iter([1, 0, 1])))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("padding_mask", lambda array: array[:, :-1], r"padding_mask is \[4, 11\], its token_ids \[4, 12\]"),
        ("labels", lambda array: array[:, :-1], r"labels is \[4, 4\], its positions \[4, 5\]"),
        ("ids", lambda array: array[:, :-1], r"ids is \[4, 4, 3\], its positions \[4, 5\]"),
        ("weights", None, "lacks 'weights'"),
    ],
)
def test_wrong_shapes_are_one_line(name: str, change: Any, message: str) -> None:
    wrong = batch(0)
    check_batch(wrong)
    if change is None:
        del wrong[name]
    else:
        wrong[name] = change(wrong[name])
    with pytest.raises(TandemError, match=message) as error:
        check_batch(wrong)
    assert "\n" not in str(error.value)
