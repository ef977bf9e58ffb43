"""Greedy answers of the student to a few fixed prompts at every validation, for the samples table of the tracker.

The same code on every back end, without a cache: a row is read again for each new token, which a student of a few
million weights does in seconds.
"""

from __future__ import annotations

import numpy as np
from keras import ops

from train.keras_track.student import StudentModel

ENGINE = "student-keras"  # what will answer with these weights in the evaluation


def greedy(student: StudentModel, prompts: list[list[int]], max_new_tokens: int, stop_id: int) -> list[list[int]]:
    """New ids of each prompt, the stop id included."""
    lengths = np.array([len(prompt) for prompt in prompts])
    ids = np.full((len(prompts), int(lengths.max()) + max_new_tokens), stop_id, np.int32)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = prompt
    lines, ends = np.arange(len(prompts)), lengths.copy()
    done = np.zeros(len(prompts), bool)
    while not done.all() and (ends - lengths).max() < max_new_tokens:
        mask = (np.arange(ids.shape[1]) < ends[:, None]).astype(np.int32)
        hidden = ops.convert_to_numpy(student.hidden(ids, mask))[lines, ends - 1]
        new = ops.convert_to_numpy(student.logits(hidden)).argmax(-1)
        ids[lines[~done], ends[~done]] = new[~done]
        ends[~done] += 1
        done |= new == stop_id
    return [ids[row, lengths[row] : ends[row]].tolist() for row in lines]
