"""What the export reads, and what it refuses by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mobile.export.rope import Llama3Scaling, inverse_frequencies
from mobile.export.weights import read_weights
from tests.mobile.conftest import make_student
from train.errors import UserError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention_bias": True}, "attention_bias is True"),
        ({"mlp_bias": True}, "mlp_bias is True"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"model_type": "qwen3"}, "model_type is 'qwen3'"),
        ({"rope_parameters": {"rope_theta": 1e4, "rope_type": "yarn", "factor": 8.0}}, "rope_type.* is 'yarn'"),
        ({"rope_parameters": {"rope_theta": 1e4, "rope_type": "llama3", "factor": 8.0}}, "no 'low_freq_factor'"),
        ({"rope_parameters": None, "rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_type.* is 'linear'"),
        ({"intermediate_size": 96}, "config.json says"),
        ({"num_hidden_layers": 3}, "no tensor 'model.layers.2"),
    ],
)
def test_unsupported_models_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    folder = tmp_path / "hf"
    make_student(folder, seed=1)
    read_weights(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(UserError, match=message):
        read_weights(folder)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.json does not exist"):
        read_weights(tmp_path)
    folder = tmp_path / "hf"
    make_student(folder, seed=1)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(UserError, match="cannot be read by safetensors"):
        read_weights(folder)
    file.unlink()
    with pytest.raises(UserError, match=r"no \.safetensors file"):
        read_weights(folder)


def test_sharded_float16_folder_is_read(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    make_student(whole, seed=1)
    make_student(parts, seed=9)
    (parts / "model.safetensors").unlink()
    tensors = load_file(whole / "model.safetensors")
    names = sorted(tensors)
    for number, chosen in enumerate((names[::2], names[1::2])):
        half = {name: tensors[name].astype(np.float16) for name in chosen}
        save_file(half, parts / f"model-{number}.safetensors")
    expected, got = read_weights(whole), read_weights(parts)
    assert got.embedding.dtype == np.float32
    assert got.parameters == expected.parameters
    np.testing.assert_array_equal(got.layers[1].down, expected.layers[1].down.astype(np.float16))


def test_bfloat16_is_read(tmp_path: Path) -> None:
    """Values that bfloat16 holds exactly; written by ml_dtypes' type, which is not how they are read."""
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="comes with the extra tensorflow")
    folder = tmp_path / "hf"
    make_student(folder, seed=1)
    tensors = load_file(folder / "model.safetensors")
    short = {name: array.astype(ml_dtypes.bfloat16) for name, array in tensors.items()}
    save_file(short, folder / "model.safetensors")
    got = read_weights(folder)
    assert got.embedding.dtype == np.float32
    np.testing.assert_array_equal(got.embedding, short["model.embed_tokens.weight"].astype(np.float32))


def test_llama3_scaling_keeps_short_waves_slows_long_ones_and_blends_between() -> None:
    """By hand: theta 4**4 and D 8 give waves of 2π times 1, 4, 16, 64 tokens."""
    scaling = Llama3Scaling(factor=8.0, low_freq_factor=1.0, high_freq_factor=7.0, original_max_position_embeddings=100)
    plain = inverse_frequencies(8, 256.0, None)
    np.testing.assert_allclose(plain, [1, 1 / 4, 1 / 16, 1 / 64])
    turns = 100 * plain / (2 * np.pi)  # 15.9, 3.98, 0.995, 0.249
    kept = (turns[1] - 1) / (7 - 1)
    expected = [1, (kept + (1 - kept) / 8) / 4, 1 / 16 / 8, 1 / 64 / 8]
    np.testing.assert_allclose(inverse_frequencies(8, 256.0, scaling), expected, rtol=1e-12)
