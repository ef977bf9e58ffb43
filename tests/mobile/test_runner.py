"""CompiledModel against the Interpreter, and scores against transformers' float64 logits."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobile.runtime import ContextFullError, Model, ModelError, PromptError, Sampler
from mobile.runtime.runner import has_compiled_model
from tests.mobile.conftest import WINDOW, Exported

KINDS: list[Any] = ["interpreter", "compiled"]


@pytest.mark.parametrize("variant", ["fp32", "int8"])
def test_compiled_model_gives_the_interpreters_ids(exported: Exported, variant: str) -> None:
    one, other = (Model(exported.mobile / f"student-{variant}.tflite", runner=kind) for kind in KINDS)
    assert (one.window, one.vocab_size, one.buckets) == (other.window, other.vocab_size, other.buckets)
    assert one.signatures().keys() == other.signatures().keys()
    for length in (1, 4, 5, 17, 23, 38):
        prompt = exported.oracle[f"ids_{length}"][:length].tolist()
        one.reset()
        other.reset()
        ids = list(one.generate(prompt, WINDOW - length, [], Sampler()))
        assert len(ids) == WINDOW - length
        assert list(other.generate(prompt, WINDOW - length, [], Sampler())) == ids


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_logits_are_those_of_transformers(exported: Exported, kind: Any) -> None:
    model = Model(exported.mobile / "student-fp32.tflite", runner=kind)
    for length in (5, 38):
        ids = exported.oracle[f"ids_{length}"].tolist()
        model.reset()
        model.prefill(ids[: length - 1])
        for position in range(length - 1, len(ids) - 1):
            np.testing.assert_allclose(
                model.decode(ids[position]), exported.oracle[f"logits_{length}"][position], atol=5e-5
            )


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_right_to_the_position(exported: Exported, kind: Any) -> None:
    """log softmax of transformers' logits at the position before each id; a shift by one would be far off."""
    model = Model(exported.mobile / "student-fp32.tflite", runner=kind)
    ids = exported.oracle["ids_23"].tolist()
    logits = exported.oracle["logits_23"].astype(np.float64)
    for split in (1, 4, 22):
        answer = np.array(ids[split:])
        expected = [
            logits[split - 1 + k][token] - _log_sum_exp(logits[split - 1 + k]) for k, token in enumerate(answer)
        ]
        got = model.score(ids[:split], ids[split:])
        np.testing.assert_allclose(got, expected, atol=1e-4)
        assert got.shape == answer.shape
    assert float(np.ptp(model.score(ids[:4], ids[4:]))) > 1  # the positions differ enough to tell them apart
    with pytest.raises(PromptError, match="empty"):
        model.score([], ids)
    with pytest.raises(ContextFullError, match="to be scored"):
        model.score([5] * WINDOW, [5, 5])


def _log_sum_exp(row: Any) -> float:
    return float(np.log(np.exp(row - row.max()).sum()) + row.max())


def test_rewinding_gives_what_a_fresh_start_gives(exported: Exported) -> None:
    ids = exported.oracle["ids_23"].tolist()
    for kind in KINDS:
        model = Model(exported.mobile / "student-fp32.tflite", runner=kind)
        model.prefill([*ids[:9], *[7] * 30])
        assert model.rewind(ids) == 9 if ids[9] != 7 else 10
        model.prefill(ids[model.position : 22])
        np.testing.assert_allclose(model.decode(ids[22]), exported.oracle["logits_23"][22], atol=5e-5)


def test_damaged_files_are_clear_errors(exported: Exported, tmp_path: Path) -> None:
    data = (exported.mobile / "student-int8.tflite").read_bytes()
    for kept in (0, 7, 100, len(data) // 2, len(data) - 100):
        file = tmp_path / f"cut-{kept}.tflite"
        file.write_bytes(data[:kept])
        for kind in KINDS:
            with pytest.raises(ModelError, match="cannot be loaded"):
                Model(file, runner=kind)
    with pytest.raises(ModelError, match="runner is 'gpu'; known are auto, compiled, interpreter"):
        Model(file, runner="gpu")  # type: ignore[arg-type]


def test_auto_falls_back_to_the_interpreter(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    from mobile.runtime import runner

    assert has_compiled_model()
    monkeypatch.setattr(runner, "has_compiled_model", lambda: False)
    model = Model(exported.mobile / "student-int8.tflite", runner="auto")
    assert type(model._runner).__name__ == "InterpreterRunner"
    with pytest.raises(ModelError, match="CompiledModel is not installed"):
        Model(exported.mobile / "student-int8.tflite", runner="compiled")


def test_packed_weights_leave_no_file(exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XNNPACK keeps them in a file whose name is gone once the model is open; every signature still works."""
    path, prompt, answer = exported.mobile / "student-int8.tflite", [1, 5, 6, 7, 8], [9, 10, 11, 12]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    compiled = Model(path, runner="compiled")
    assert list(tmp_path.iterdir()) == []
    expected = Model(path, runner="interpreter").score(prompt, answer)
    np.testing.assert_allclose(compiled.score(prompt, answer), expected, atol=1e-5)
