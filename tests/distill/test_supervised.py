from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from train.chat import ChatTokenizer
from train.distill.supervised import read_supervised, supervised_row
from train.errors import UserError
from train.runs import RunFolder


def test_positions_and_labels_by_hand() -> None:
    # ids:           s  u  e  s  A  B  e  nl          A, B and e are learned
    row = supervised_row([1, 10, 2, 1, 20, 21, 2, 5], [0, 0, 0, 0, 1, 1, 1, 0])
    assert row.labels.tolist() == [20, 21, 2]
    assert row.positions.tolist() == [3, 4, 5]
    assert row.tokens.tolist() == [1, 10, 2, 1, 20, 21]  # the end token and the newline predict nothing


def test_two_answers_in_one_row() -> None:
    row = supervised_row([1, 20, 2, 1, 30, 2], [0, 1, 1, 0, 1, 1])
    assert row.labels.tolist() == [20, 2, 30, 2]
    assert row.positions.tolist() == [0, 1, 3, 4]


def test_first_token_is_predicted_by_nothing() -> None:
    assert supervised_row([7, 8], [1, 0]).labels.size == 0


def test_rows_of_a_file_agree_with_the_chat_mask(run: RunFolder) -> None:
    tokenizer = ChatTokenizer.load(run.data / "tokenizer")
    rows = read_supervised(run.data / "train.jsonl", tokenizer, limit=7)
    assert len(rows) == 7
    for i, row in enumerate(rows):
        assert tokenizer.decode(row.labels[:-1].tolist()) == "x" * (i % 7 + 1)
        assert row.labels[-1] == tokenizer.stop_id
        assert np.array_equal(row.tokens[row.positions[1:]], row.labels[:-1])


def test_row_without_answer_is_named(run: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"messages":[{"role":"user","content":"hi"}]}\n')
    with pytest.raises(UserError, match=r"bad.jsonl:1 has no supervised token"):
        read_supervised(path, ChatTokenizer.load(run.data / "tokenizer"))


@pytest.mark.parametrize(
    "line", ["{", "[1]", '{"text": "on"}', '{"messages": [{"role": "user", "content": null}]}', "[" * 9999]
)
def test_a_row_that_was_spoiled_is_named(run: RunFolder, tmp_path: Path, line: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text((run.data / "train.jsonl").read_text().splitlines()[0] + "\n" + line + "\n")
    with pytest.raises(UserError, match=r"train\.jsonl:2 is no chat row .*tandem data CONFIG"):
        read_supervised(path, ChatTokenizer.load(run.data / "tokenizer"))
