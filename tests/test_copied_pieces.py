"""Answers spelled in the pieces of the sentence; expected pieces by hand on a tokenizer with known merges."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from train.chat import PAD, START, STOP, ChatTokenizer

# "Ġab" is one piece in a sentence; "abc" begins with "a" and "bc" in a call, since b and c merge first there.
MERGES = [("b", "c"), ("Ġ", "a"), ("Ġa", "b"), ("a", "b")]


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
        ("x abd y", "abd", ["ab", "d"]),  # Ġab|d in the sentence: its first piece without the space
        ("x eabc y", "eabc", ["e", "a", "bc"]),  # alike in both places
        ("abd", "abd", ["ab", "d"]),  # the sentence begins with it
        ("x abd abd y", "abd abd", ["ab", "d", " ab", "d"]),
        ("x abdé y", "abd", ["ab", "d"]),  # no whole word there, so by itself
        ("nothing", "abd", ["ab", "d"]),
    ],
)
def test_pieces_of_a_copied_string(tokenizer: ChatTokenizer, sentence: str, value: str, expected: list[str]) -> None:
    answer = json.dumps({"name": value}, separators=(",", ":"))
    found = pieces(tokenizer, answer, sentence)
    assert found[-len(expected) - 2 : -2] == expected


def test_other_pieces_than_by_itself(tokenizer: ChatTokenizer) -> None:
    """ "Abc" alone is a|bc; behind a space BPE makes Ġa first and then Ġa|bc, so a|bc again; "ab c" shows the rest."""
    alone = [tokenizer.token(number) for number in tokenizer.text("abc")]
    assert alone == ["a", "bc"]
    assert pieces(tokenizer, '"abc"', "x abc")[1:-1] == ["a", "bc"]


def test_rows_are_taught_so_and_prompts_stay(tokenizer: ChatTokenizer) -> None:
    messages = [{"role": "user", "content": "x abd"}, {"role": "assistant", "content": '{"name":"abd"}'}]
    ids, mask = tokenizer.encode(messages)
    supervised = [number for number, flag in zip(ids, mask, strict=True) if flag]
    assert supervised == [*tokenizer.answer('{"name":"abd"}', messages[0]), tokenizer.stop_id]
    assert ids[: len(tokenizer.prompt(messages[:1]))] == tokenizer.prompt(messages[:1])


@pytest.mark.parametrize("answer", ["no JSON", '{"name":null}', '"', '""', '{"a":"é"}', '"x y" abd "x'])
def test_any_answer_keeps_its_text(tokenizer: ChatTokenizer, answer: str) -> None:
    pieces(tokenizer, answer, 'x "y" abd é "')
