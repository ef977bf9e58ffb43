"""A student's first weights from a teacher folder; the teacher is a student with all its layers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from train.config.schema import StudentConfig
from train.errors import UserError
from train.runs import RunFolder

keras = pytest.importorskip("keras")

from train.keras_track.hf_folder import hf_weights, set_hf_weights, write_hf_folder  # noqa: E402
from train.keras_track.initial_weights import (  # noqa: E402
    EMBEDDING,
    initialise_from,
    layer_choices,
    project,
    strongest_neurons,
)
from train.keras_track.student import StudentModel, build_student  # noqa: E402
from train.shared_vocabulary import aligned, vocabulary  # noqa: E402

VOCABULARY = 259


def shape(**changes: int) -> StudentConfig:
    values = {"hidden_size": 32, "intermediate_size": 56, "num_hidden_layers": 4, "num_attention_heads": 4}
    return StudentConfig(**{**values, "num_key_value_heads": 2, **changes})  # type: ignore[arg-type]


@pytest.fixture
def teacher(run: RunFolder) -> tuple[StudentModel, Path]:
    keras.utils.set_random_seed(1)
    model = build_student(shape(), VOCABULARY)
    write_hf_folder(model, run.teacher, run.data / "tokenizer")
    return model, run.teacher


def logits(model: StudentModel) -> np.ndarray:
    ids = np.arange(5, 17, dtype="int32")[None]
    return np.asarray(model({"token_ids": ids, "padding_mask": np.ones_like(ids)}))


def test_all_layers_copied_give_the_teacher(teacher: tuple[StudentModel, Path]) -> None:
    keras.utils.set_random_seed(2)
    student = build_student(shape(), VOCABULARY)
    assert np.abs(logits(student) - logits(teacher[0])).max() > 1e-2
    done = initialise_from(teacher[1], student, lambda: 0.0)
    assert done == {"embedding": 1.0, "layers": [0, 1, 2, 3]}
    assert np.abs(logits(student) - logits(teacher[0])).max() < 1e-6


def test_the_probe_chooses_the_layers(teacher: tuple[StudentModel, Path]) -> None:
    student = build_student(shape(num_hidden_layers=2), VOCABULARY)
    losses = iter([3.0, 2.0])
    done = initialise_from(teacher[1], student, lambda: next(losses))
    assert layer_choices(4, 2) == [(0, 3), (0, 1)]  # by hand: even = late dropped = early dropped for two of four
    assert done["layers"] == [0, 1]
    theirs, ours = hf_weights(teacher[0]), hf_weights(student)
    for name in ("self_attn.q_proj", "self_attn.o_proj", "mlp.down_proj", "input_layernorm"):
        np.testing.assert_array_equal(ours[f"model.layers.1.{name}.weight"], theirs[f"model.layers.1.{name}.weight"])


def test_projection_keeps_inner_products_of_a_low_rank_table() -> None:
    rng = np.random.default_rng(0)
    table = (rng.normal(size=(50, 6)) @ rng.normal(size=(6, 20))).astype(np.float32)
    small, kept = project(table, 6)
    assert kept == pytest.approx(1.0)
    np.testing.assert_allclose(small @ small.T, table @ table.T, atol=1e-3)
    assert project(table, 3)[1] < 0.95


def test_a_narrower_student_keeps_the_likeness_of_words(teacher: tuple[StudentModel, Path]) -> None:
    student = build_student(shape(hidden_size=16, num_hidden_layers=1), VOCABULARY)
    done = initialise_from(teacher[1], student, lambda: 0.0)
    assert done["layers"] is None
    assert 0.4 < done["embedding"] < 1.0
    small, large = (
        hf_weights(model)["model.embed_tokens.weight"].astype(np.float64) for model in (student, teacher[0])
    )
    likeness = np.corrcoef((small @ small.T).ravel(), (large @ large.T).ravel())[0, 1]
    assert likeness > 0.7


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0}}, "rope_theta 100000.0 and 10000.0"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e5}}, "rope_type default and llama3"),
        (
            {"rope_parameters": None, "rope_scaling": {"type": "linear"}, "rope_theta": 1e5},
            "rope_type default and linear",
        ),
        ({"rms_norm_eps": 1e-2}, "rms_norm_eps 1e-05 and 0.01"),
        ({"attention_bias": True}, "attention_bias False and True"),
        ({"head_dim": 16}, "head_dim 8 and 16"),
    ],
)
def test_layers_of_another_kind_are_not_copied(
    teacher: tuple[StudentModel, Path], changes: dict[str, Any], said: str
) -> None:
    """Their weights would mean something else in the student."""
    config = json.loads((teacher[1] / "config.json").read_text())
    (teacher[1] / "config.json").write_text(json.dumps(config | changes))
    student = build_student(shape(), VOCABULARY)
    done = initialise_from(teacher[1], student, lambda: pytest.fail("there is nothing to choose"))
    assert done["layers"] is None
    assert said in " ".join(done["differ"])
    assert len(done["differ"]) == 1
    with pytest.raises(UserError, match=f"layers are others: .*{re.escape(said)}"):
        initialise_from(teacher[1], student, lambda: 0.0, [0, 1, 2, 3])


def test_layers_that_are_named_are_copied_without_a_probe(teacher: tuple[StudentModel, Path]) -> None:
    student = build_student(shape(num_hidden_layers=2), VOCABULARY)
    done = initialise_from(teacher[1], student, lambda: pytest.fail("no probe is needed"), layers=[1, 3])
    assert done == {"embedding": 1.0, "layers": [1, 3]}
    theirs, ours = hf_weights(teacher[0]), hf_weights(student)
    np.testing.assert_array_equal(
        ours["model.layers.1.self_attn.q_proj.weight"], theirs["model.layers.3.self_attn.q_proj.weight"]
    )


def test_fewer_neurons_keep_the_strongest_and_do_what_all_do_where_the_others_are_dead(
    teacher: tuple[StudentModel, Path],
) -> None:
    model, folder = teacher
    weights = hf_weights(model)
    dead = [3, 17, 40]
    for number in range(4):
        weights[f"model.layers.{number}.mlp.down_proj.weight"][:, dead] = 0.0
    set_hf_weights(model, weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    student = build_student(shape(intermediate_size=53), VOCABULARY)
    initialise_from(folder, student, lambda: 0.0)
    assert np.abs(logits(student) - logits(model)).max() < 1e-5


def test_the_norm_s_gain_counts_in_a_neuron_s_strength() -> None:
    by_hand = np.zeros((3, 4), np.float32)
    by_hand[0, 0], by_hand[1, 1], by_hand[2, 2] = 3.0, 1.0, 2.0  # neuron n reads dimension n alone
    layer = {
        "mlp.gate_proj.weight": by_hand,
        "mlp.up_proj.weight": by_hand,
        "mlp.down_proj.weight": np.ones((4, 3), np.float32),
        "post_attention_layernorm.weight": np.array([0.1, 4.0, 1.0, 1.0], np.float32),
    }  # strengths (.1·3)², (4·1)², (1·2)², each times √4
    assert strongest_neurons(layer, 2).tolist() == [1, 2]
    assert strongest_neurons(layer, 1).tolist() == [1]


@pytest.mark.parametrize(
    ("changes", "layers", "said"),
    [
        ({"num_hidden_layers": 2}, [0, 4], "names layer 4, .* has 4"),
        ({"num_hidden_layers": 2, "hidden_size": 16}, [0, 3], "layers are others: hidden_size 16 and 32"),
    ],
)
def test_layers_that_cannot_be_copied(
    teacher: tuple[StudentModel, Path], changes: dict[str, int], layers: list[int], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        initialise_from(teacher[1], build_student(shape(**changes), VOCABULARY), lambda: 0.0, layers)


@pytest.mark.parametrize(
    ("changes", "vocabulary", "said"),
    [
        ({"hidden_size": 64}, VOCABULARY, "a wider student"),
        ({"num_hidden_layers": 5}, VOCABULARY, "teacher has 4"),
        ({}, 100, "vocabulary of 259"),
    ],
)
def test_a_teacher_that_does_not_fit(
    teacher: tuple[StudentModel, Path], changes: dict[str, int], vocabulary: int, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        initialise_from(teacher[1], build_student(shape(**changes), vocabulary), lambda: 0.0)


@pytest.fixture
def renumbered(run: RunFolder, tmp_path: Path) -> Path:
    """The run's tokenizer with its ordinary tokens in reverse order, and one that it does not have, "ab", for "z"."""
    state = json.loads((run.data / "tokenizer" / "tokenizer.json").read_text())
    words = sorted(state["model"]["vocab"], key=state["model"]["vocab"].__getitem__, reverse=True)
    words[words.index("z")] = "ab"
    state["model"] |= {"vocab": {word: number for number, word in enumerate(words)}, "merges": [["a", "b"]]}
    folder = tmp_path / "renumbered"
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(state))
    return folder


def test_rows_of_the_embedding_follow_their_tokens(
    teacher: tuple[StudentModel, Path], run: RunFolder, renumbered: Path
) -> None:
    student = build_student(shape(), VOCABULARY)
    done = initialise_from(teacher[1], student, lambda: 0.0, tokenizer=renumbered)
    assert done["new_tokens"] == 1
    before, after = (vocabulary(folder) for folder in (run.data / "tokenizer", renumbered))
    table, given = hf_weights(student)[EMBEDDING], hf_weights(teacher[0])[EMBEDDING]
    assert before["q"] != after["q"]
    for token in ("q", "<|im_end|>", "!"):
        np.testing.assert_array_equal(table[after[token]], given[before[token]])
    np.testing.assert_allclose(table[after["ab"]], (given[before["a"]] + given[before["b"]]) / 2, atol=1e-7)


def test_rows_that_belong_to_no_token_are_left_out(tmp_path: Path) -> None:
    """A table filled up to a round number is matched all the same; a token beyond a table's end has no row."""
    theirs = {letter: n for n, letter in enumerate("abcdefghij")}
    ours = {letter: n for n, letter in enumerate("jihgfedcba")}
    table = np.arange(16, dtype=np.float32)[:, None]
    assert aligned(table, theirs, ours, tmp_path, "student.initial")[0][:, 0].tolist() == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    with pytest.raises(UserError, match="only 8 of this run's 10"):
        aligned(table[:8], theirs, ours, tmp_path, "student.initial")


def test_the_same_tokenizer_changes_nothing(teacher: tuple[StudentModel, Path], run: RunFolder) -> None:
    student = build_student(shape(), VOCABULARY)
    assert "new_tokens" not in initialise_from(teacher[1], student, lambda: 0.0, tokenizer=run.data / "tokenizer")
    np.testing.assert_array_equal(hf_weights(student)[EMBEDDING], hf_weights(teacher[0])[EMBEDDING])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({f"{letter}{letter}": 9 for letter in "abcdefghij"}, "only 10 of this run's 20"),
        ({"xa": 10}, "can't spell 'xa'"),
    ],
)
def test_another_tokenizer_is_refused(more: dict[str, int], said: str, tmp_path: Path) -> None:
    theirs = {letter: n for n, letter in enumerate("abcdefghij")}
    with pytest.raises(UserError, match=said):
        aligned(np.zeros((10, 4), np.float32), theirs, theirs | more, tmp_path, "student.initial")


def test_no_teacher(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no model"):
        initialise_from(tmp_path, build_student(shape(), VOCABULARY), lambda: 0.0)
