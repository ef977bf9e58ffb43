"""Answers to fixed prompts while the student trains, and the tokens that both tracks count."""

from __future__ import annotations

import keras
import numpy as np

from tests.conftest import TINY
from train.distill.supervised import SupervisedRow
from train.keras_track.batches import Batches
from train.keras_track.sampling import greedy
from train.keras_track.student import StudentModel


def test_greedy_in_a_padded_batch_is_greedy_alone() -> None:
    keras.utils.set_random_seed(3)
    student = StudentModel(50, TINY.model_dump())
    for weight in student.weights:
        weight.assign(weight * (8.0 if weight.shape.rank > 1 else 1.0))
    prompts = [[5, 6, 7, 8, 9], [11, 12], [30, 31, 32]]
    for prompt, answer in zip(prompts, greedy(student, prompts, 6, stop_id=2), strict=True):
        ids = list(prompt)
        for _ in range(6):
            whole = {"token_ids": np.array([ids]), "padding_mask": np.ones((1, len(ids)), np.int32)}
            ids.append(int(np.asarray(student(whole))[0, -1].argmax()))
            if ids[-1] == 2:
                break
        assert answer == ids[len(prompt) :]


def test_tokens_before_a_step_are_those_of_the_batches_before_it() -> None:
    one = np.zeros(1, np.int32)
    rows = [SupervisedRow(np.ones(length, np.int32), one, one) for length in (3, 9, 4, 12, 5, 7, 2)]
    batches = Batches(rows, [8, 16], 2, 1)
    plan, tokens = batches.from_step(0), 0
    for step in range(2 * len(batches) + 1):
        assert batches.tokens_before(step) == tokens
        tokens += sum(len(rows[row].tokens) for row in next(plan).rows)
    assert batches.tokens_before(len(batches)) == 42
