"""The exported files and the float64 reference against transformers (in a process of its own)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mobile.export.gates import require_gates
from mobile.export.parity import compare, forced_logits, greedy_sequences, parity_gate, prompt_lengths
from mobile.export.reference import reference_logits
from mobile.export.weights import read_weights
from mobile.runtime import Model, Sampler
from tests.mobile.conftest import LENGTHS, WINDOW, Exported
from train.errors import GateError


def nothing() -> None:
    pass


@pytest.mark.parametrize("length", LENGTHS)
def test_fp32_gives_the_greedy_ids_and_logits_of_transformers(exported: Exported, length: int) -> None:
    ids, logits = exported.oracle[f"ids_{length}"].tolist(), exported.oracle[f"logits_{length}"]
    model = Model(exported.mobile / "student-fp32.tflite")
    got = list(model.generate(ids[:length], len(ids) - length, stop_ids=[], sampler=Sampler()))
    assert got == ids[length:]
    model.reset()
    model.prefill(ids[: length - 1])
    for position in range(length - 1, len(ids) - 1):
        np.testing.assert_allclose(model.decode(ids[position]), logits[position], atol=5e-5)


def test_untied_single_group_wide_heads_old_rope_key(exported: Exported) -> None:
    """lm_head of its own, one KV head, head_dim other than width / heads, top-level rope_theta."""
    model = Model(exported.untied / "untied.tflite")
    for length in (3, 9):
        ids, logits = exported.untied_oracle[f"ids_{length}"].tolist(), exported.untied_oracle[f"logits_{length}"]
        model.reset()
        model.prefill(ids[: length - 1])
        np.testing.assert_allclose(model.decode(ids[length - 1]), logits[length - 1], atol=5e-5)


def test_reference_is_transformers_in_float64(exported: Exported) -> None:
    """Tolerance: transformers computes RoPE's angles and the norms in float32, whatever the model's type."""
    for folder, oracle in (
        (exported.run / "student" / "hf", exported.oracle),
        (exported.untied, exported.untied_oracle),
    ):
        weights = read_weights(folder)
        for name in [name for name in oracle if name.startswith("ids_")]:
            expected = oracle[name.replace("ids_", "logits_")]
            np.testing.assert_allclose(reference_logits(weights, oracle[name][:-1]), expected, atol=5e-5, rtol=0)


def test_int8_is_close_to_transformers(exported: Exported) -> None:
    """Bound: the int8 steps of two layers, measured 0.2 on logits of standard deviation 3; a wrong scale gives > 3."""
    model = Model(exported.mobile / "student-int8.tflite")
    for length in (5, 38):
        ids, logits = exported.oracle[f"ids_{length}"].tolist(), exported.oracle[f"logits_{length}"]
        model.reset()
        model.prefill(ids[: length - 1])
        got = model.decode(ids[length - 1])
        assert 1e-3 < np.abs(got - logits[length - 1]).max() < 0.25 * logits.std()


def test_parity_lengths_are_where_buckets_go_wrong() -> None:
    assert prompt_lengths([8, 64], 256) == [1, 7, 8, 9, 63, 64, 65, 255]
    assert prompt_lengths([1, 4], 5) == [1, 2, 3, 4]


@pytest.mark.parametrize("change", [{"rope_theta": 10_000.0}, {"rms_norm_eps": 1e-2}])
def test_gate_fails_for_a_file_of_another_model(exported: Exported, change: dict[str, float]) -> None:
    weights = read_weights(exported.run / "student" / "hf")
    model = Model(exported.mobile / "student-fp32.tflite")
    sequences, logits = greedy_sequences(model, weights, 4, 0, nothing)
    require_gates([parity_gate(compare(sequences, logits), "good", sequences)])
    other = replace(weights, shape=replace(weights.shape, **change))  # type: ignore[arg-type]
    sequences, logits = greedy_sequences(model, other, 4, 0, nothing)
    with pytest.raises(GateError, match="does not compute what the student computes"):
        require_gates([parity_gate(compare(sequences, logits), "bad", sequences)])


def test_gate_fails_for_nan(exported: Exported) -> None:
    weights = read_weights(exported.run / "student" / "hf")
    model = Model(exported.mobile / "student-fp32.tflite")
    sequences, logits = greedy_sequences(model, weights, 2, 0, nothing)
    logits[0][0, 0] = np.nan
    with pytest.raises(GateError):
        require_gates([parity_gate(compare(sequences, logits), "nan", sequences)])


def test_forced_logits_follow_the_given_sequence(exported: Exported) -> None:
    weights = read_weights(exported.run / "student" / "hf")
    model = Model(exported.mobile / "student-fp32.tflite")
    sequences, logits = greedy_sequences(model, weights, 5, 3, nothing)
    for forced, own in zip(forced_logits(model, sequences, nothing), logits, strict=True):
        np.testing.assert_array_equal(forced, own)
    assert max(len(s.prompt) + len(s.generated) for s in sequences) == WINDOW + 1  # the last position is used


def test_recorded_figures_are_in_the_bundle(exported: Exported, tmp_path: Path) -> None:
    import json

    variants = json.loads((exported.mobile / "bundle.json").read_text())["variants"]
    assert variants["fp32"]["parity"]["top1_agreement"] == 1.0
    assert variants["fp32"]["parity"]["max_logit_difference"] < 1e-4
    assert 0.7 < variants["int8"]["parity"]["top1_agreement"] <= 1.0
