"""The student against transformers' Llama, in a process of its own, and its file formats."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from train.config.schema import LlamaShape, StudentConfig
from train.errors import UserError
from train.runs import RunFolder

keras = pytest.importorskip("keras")

from train.keras_track.hf_folder import write_hf_folder  # noqa: E402
from train.keras_track.student import StudentModel, build_student, load_student  # noqa: E402

SHAPE = StudentConfig(
    hidden_size=32,
    intermediate_size=56,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    rope_theta=5000.0,
    rms_norm_eps=1e-4,
)
TRANSFORMERS = """
import sys, numpy as np, torch
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
assert type(model).__name__ == "LlamaForCausalLM"
assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
with torch.no_grad():
    logits = model(torch.from_numpy(np.load(sys.argv[2])).long()).logits
np.save(sys.argv[3], logits.numpy())
print(model.num_parameters())
"""


def student() -> StudentModel:
    keras.utils.set_random_seed(0)
    model = build_student(SHAPE, 259)
    for weight in model.trainable_variables:  # far from the initial values: norms are not ones, logits not zero
        weight.assign(
            np.random.default_rng(len(weight.shape)).normal(1.0 if "scale" in weight.path else 0, 0.2, weight.shape)
        )
    return model


def logits(model: StudentModel, ids: np.ndarray) -> np.ndarray:
    return np.asarray(model({"token_ids": ids, "padding_mask": np.ones_like(ids)}))


def test_hf_folder_gives_transformers_the_same_logits(run: RunFolder, tmp_path: Path) -> None:
    model = student()
    ids = np.random.default_rng(1).integers(0, 259, (2, 20)).astype("int32")
    write_hf_folder(model, tmp_path / "hf", run.data / "tokenizer")
    np.save(tmp_path / "ids.npy", ids)
    command = [sys.executable, "-c", TRANSFORMERS, tmp_path / "hf", tmp_path / "ids.npy", tmp_path / "logits.npy"]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    theirs, ours = np.load(tmp_path / "logits.npy"), logits(model, ids)
    assert np.abs(ours).max() > 1
    assert np.abs(theirs - ours).max() < 1e-4
    assert int(child.stdout) == model.count_params()
    assert (tmp_path / "hf" / "tokenizer.json").read_bytes() == (run.data / "tokenizer" / "tokenizer.json").read_bytes()


@pytest.mark.parametrize(("longest", "expected"), [(128, 2048), (4096, 4096)])
def test_other_tools_read_how_long_a_text_may_be(run: RunFolder, tmp_path: Path, longest: int, expected: int) -> None:
    (run.data / "tokenizer" / "tokenizer_config.json").write_text('{"model_max_length": 8192}')
    write_hf_folder(student(), tmp_path / "hf", run.data / "tokenizer", longest)
    files = [json.loads((tmp_path / "hf" / name).read_text()) for name in ("config.json", "tokenizer_config.json")]
    assert [files[0]["max_position_embeddings"], files[1]["model_max_length"]] == [expected, expected]


def test_keras_file_comes_back_tied(tmp_path: Path) -> None:
    model = student()
    model.save(tmp_path / "student.keras")
    back = load_student(tmp_path / "student.keras")
    ids = np.arange(12, dtype="int32")[None]
    assert np.array_equal(logits(back, ids), logits(model, ids))
    assert back.count_params() == model.count_params()
    assert back.shape == LlamaShape(**SHAPE.model_dump(exclude={"backend", "initial", "initial_layers"}))


def test_weights_by_hand() -> None:
    """259·32 + 3·(32·32 + 2·32·16 + 32·32 + 3·32·56 + 2·32) + 32."""
    assert student().count_params() == 259 * 32 + 3 * (1024 + 1024 + 1024 + 5376 + 64) + 32


def test_padding_behind_a_row_changes_nothing() -> None:
    model = student()
    ids = np.random.default_rng(2).integers(0, 259, (1, 10)).astype("int32")
    padded = np.concatenate([ids, np.zeros((1, 6), "int32")], 1)
    mask = np.concatenate([np.ones_like(ids), np.zeros((1, 6), "int32")], 1)
    got = np.asarray(model({"token_ids": padded, "padding_mask": mask}))[:, :10]
    assert np.abs(got - logits(model, ids)).max() < 1e-5


def test_no_student() -> None:
    with pytest.raises(UserError, match="No student at nowhere"):
        load_student(Path("nowhere"))


def test_the_right_word_for_pytorch() -> None:
    code = "import train.keras_track.backend"
    child = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"KERAS_BACKEND": "pytorch", "PATH": ""},
        check=False,
    )
    assert child.returncode != 0
    assert "KERAS_BACKEND is 'pytorch', which is no Keras back end. Keras calls it 'torch'." in child.stderr
