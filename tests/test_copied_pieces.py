"""Answers spelled in the pieces of the sentence; expected pieces by hand on a tokenizer with known merges."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from train.chat import PAD, START, STOP, ChatTokenizer

# " abc" is Ġab|c in a sentence, "abc" is a|bc in a call: without the space b and c merge before a and b.
MERGES = [("Ġ", "a"), ("Ġa", "b"), ("b", "c"), ("a", "b")]


@pytest.fixture(scope="module")
def tokenizer() -> ChatTokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: number for number, token in enumerate([*letters, *("".join(merge) for merge in MERGES)])}
    made = Tokenizer(models.BPE(vocab=vocab, merges=MERGES))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([PAD, START, STOP])
    return ChatTokenizer(made.to_str())


def pieces(tokenizer: ChatTokenizer, answer: str, sentence: str) -> list[str]:
    ids = tokenizer.answer(answer, {"role": "user", "content": sentence})
    assert tokenizer.decode(ids) == answer
    return [tokenizer.token(number) for number in ids]


@pytest.mark.parametrize(
    ("sentence", "value", "expected"),
    [
        ("x abc y", "abc", ["ab", "c"]),  # Ġab|c in the sentence: its first piece without the space
        ("x abc abc y", "abc abc", ["ab", "c", " ab", "c"]),
        ("abc", "abc", ["a", "bc"]),  # the sentence begins with it, behind a line feed
        ("x abcé y", "abc", ["a", "bc"]),  # no whole word there, so by itself
        ("nothing", "abc", ["a", "bc"]),
    ],
)
def test_pieces_of_a_copied_string(tokenizer: ChatTokenizer, sentence: str, value: str, expected: list[str]) -> None:
    answer = json.dumps({"name": value}, separators=(",", ":"))
    found = pieces(tokenizer, answer, sentence)
    assert found[-len(expected) - 2 : -2] == expected


def test_rows_are_taught_so_and_prompts_stay(tokenizer: ChatTokenizer) -> None:
    messages = [{"role": "user", "content": "x abc"}, {"role": "assistant", "content": '{"name":"abc"}'}]
    ids, mask = tokenizer.encode(messages)
    supervised = [number for number, flag in zip(ids, mask, strict=True) if flag]
    assert [tokenizer.token(number) for number in supervised[-5:-1]] == ["ab", "c", '"', "}"]
    assert supervised[-1] == tokenizer.stop_id
    assert ids[: len(tokenizer.prompt(messages[:1]))] == tokenizer.prompt(messages[:1])


@pytest.mark.parametrize("answer", ["no JSON", '{"name":null}', '"', '""', '{"a":"é"}', '"x y" abd "x'])
def test_any_answer_keeps_its_text(tokenizer: ChatTokenizer, answer: str) -> None:
    pieces(tokenizer, answer, 'x "y" abd é "')
