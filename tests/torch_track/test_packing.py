"""Packing: every row once, none cut, and packed logits equal to those of the rows alone."""

from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaForCausalLM

from train.torch_track.packing import (
    EMPTY,
    IGNORED,
    attention_mask,
    best_fit,
    micro_batch,
    pack_order,
    pack_rows,
)

ROWS = [
    ([5, 6, 7, 8, 9], [0, 0, 1, 1, 0]),
    ([10, 11, 12], [0, 1, 1]),
    ([13, 14, 15, 16, 17, 18, 19], [0, 0, 0, 1, 1, 1, 0]),
]


@given(st.lists(st.integers(1, 16), max_size=60))
def test_best_fit_places_every_row_once(lengths: list[int]) -> None:
    packs = best_fit(lengths, 16)
    assert sorted(row for pack in packs for row in pack) == list(range(len(lengths)))
    assert all(sum(lengths[row] for row in pack) <= 16 for pack in packs)
    # No two packs could have been one: best fit never opens a pack while another has room for the row.
    loads = sorted(sum(lengths[row] for row in pack) for pack in packs)
    assert len(loads) < 2 or loads[0] + loads[1] > 16


def test_labels_positions_and_segments_by_hand() -> None:
    packs = pack_rows(ROWS[:2], 9, pad_id=0)
    assert packs.ids.tolist() == [[5, 6, 7, 8, 9, 10, 11, 12, 0]]
    assert packs.labels.tolist() == [[IGNORED, 7, 8, IGNORED, IGNORED, 11, 12, IGNORED, IGNORED]]
    assert packs.positions.tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 0]]
    assert packs.segments.tolist() == [[0, 0, 0, 0, 0, 1, 1, 1, EMPTY]]
    assert (packs.fill, packs.supervised_tokens) == (8 / 9, 4)


def test_bounds_by_hand() -> None:
    packs = pack_rows([([1, 2, 3], [0, 1, 1]), ([4, 5], [0, 1]), ([6] * 7, [0] + [1] * 6)], 7, 0)
    assert packs.segments.tolist() == [[0] * 7, [0, 0, 0, 1, 1, EMPTY, EMPTY]]
    batch = micro_batch(packs, [0, 1])
    assert batch.bounds.tolist() == [0, 7, 10, 12, 14, 14, 14]
    assert batch.longest == 7


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(5, 16))
def test_bounds_enclose_each_row_and_padding_in_pieces(lengths: list[int], capacity: int) -> None:
    packs = pack_rows([([7] * length, [1] * length) for length in lengths], capacity, 0)
    batch = micro_batch(packs, range(len(packs)))
    ends = batch.bounds.tolist()
    assert ends[0] == 0
    assert ends[-1] == len(packs) * capacity
    assert all(0 <= b - a <= max(lengths) == batch.longest for a, b in pairwise(ends))
    segments = packs.segments.reshape(-1)
    pieces = [segments[a:b].tolist() for a, b in pairwise(ends) if a < b]
    assert all(len(set(piece)) == 1 for piece in pieces)  # one row, or padding
    assert sum(piece[0] != EMPTY for piece in pieces) == len(lengths)
    assert {len(micro_batch(packs, [index]).bounds) for index in range(len(packs))} == {
        packs.most_rows - (-capacity // max(lengths)) + 1
    }  # a shape that does not depend on which packs they are


def test_mask_by_hand() -> None:
    mask = attention_mask(torch.tensor([[0, 0, 1, EMPTY]]))
    assert mask[0, 0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_packed_logits_equal_separate_logits(tiny_model: LlamaForCausalLM) -> None:
    packs = pack_rows(ROWS, 16, pad_id=0)
    assert len(packs) == 1
    batch = micro_batch(packs, [0])
    with torch.no_grad():
        packed = tiny_model(
            input_ids=batch.ids,
            attention_mask=attention_mask(batch.segments),
            position_ids=batch.positions,
            use_cache=False,
        ).logits[0]
        for ids, _ in ROWS:
            alone = tiny_model(input_ids=torch.tensor([ids])).logits[0]
            start = batch.ids[0].tolist().index(ids[0])
            torch.testing.assert_close(packed[start : start + len(ids)], alone, atol=1e-6, rtol=1e-5)


def test_order_is_a_permutation_an_epoch_and_does_not_depend_on_the_count() -> None:
    order = pack_order(7, 20, seed=3)
    assert sorted(order[:7]) == sorted(order[7:14]) == list(range(7))
    assert order[:7].tolist() != order[7:14].tolist()
    assert pack_order(7, 12, seed=3).tolist() == order[:12].tolist()


def test_sizes_of_the_rows() -> None:
    """Of packs that hold several rows, padding, and a row that fills its pack."""
    rows = [
        (list(range(length)), [0] * (length - some) + [1] * some) for length, some in ((5, 2), (8, 1), (3, 3), (4, 1))
    ]
    packs = pack_rows(rows, 8, 0)
    # The first token is predicted by nothing: all three of the third row leave two.
    assert sorted(packs.row_sizes()) == [(3, 2), (4, 1), (5, 2), (8, 1)]
    assert sum(some for _, some in packs.row_sizes()) == packs.supervised_tokens
