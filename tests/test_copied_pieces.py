"""Answers spelled in the pieces of the sentence; expected pieces by hand on a tokenizer with known merges."""

from __future__ import annotations

import json
import unicodedata
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

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


SENTENCE = "turn on off the lamp kitchen light bedroom to percent café naïve headboard heater open close Zoë 日本"
WORDS = SENTENCE.split()
CORPUS = [
    SENTENCE,
    " ".join(reversed(WORDS)),
    *(f'{{"name":"X","arguments":{{"area":"{word}"}}}}' for word in WORDS),
]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def byte_level(normalizer: normalizers.Normalizer | None = None, prefix: bool = False) -> str:
    made = Tokenizer(models.BPE())
    if normalizer is not None:
        made.normalizer = normalizer
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    specials = [PAD, START, STOP]
    made.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(vocab_size=450, special_tokens=specials, initial_alphabet=alphabet, show_progress=False),
    )
    return str(made.to_str())


def sentencepiece(prepend: bool) -> str:
    """As Llama 2's: "▁" for a space, bytes as tokens of their own where a character has none."""
    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    steps = [normalizers.Replace(" ", "▁")]
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), *steps] if prepend else steps)
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    specials = ["<unk>", PAD, START, STOP, *BYTES]
    made.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=500, special_tokens=specials, show_progress=False))
    state = json.loads(made.to_str()) | {"pre_tokenizer": None}
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] not in BYTES]
    return json.dumps(state)


@cache
def zoo() -> dict[str, ChatTokenizer]:
    made = {
        "bytes": byte_level(),
        "bytes, space in front": byte_level(prefix=True),
        "NFC": byte_level(normalizers.NFC()),
        "lower case": byte_level(normalizers.Lowercase()),
        "SentencePiece": sentencepiece(prepend=False),
        "SentencePiece, space in front": sentencepiece(prepend=True),
    }
    return {name: ChatTokenizer(text) for name, text in made.items()}


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(sorted(zoo())),
    sentence=st.lists(st.sampled_from(WORDS), min_size=1, max_size=9),
    part=st.tuples(st.integers(0, 8), st.integers(1, 3)),
    form=st.sampled_from(["NFC", "NFD"]),
)
def test_no_tokenizer_learns_another_text(kind: str, sentence: list[str], part: tuple[int, int], form: str) -> None:
    """The answer, or what the tokenizer makes of it by itself (small letters, composed characters, a space)."""
    begin, size = part[0] % len(sentence), part[1]
    answer = json.dumps({"a": {"area": " ".join(sentence[begin : begin + size])}}, ensure_ascii=False)
    asked, answer = (unicodedata.normalize(form, text) for text in (" ".join(sentence), answer))  # type: ignore[arg-type]
    tokenizer = zoo()[kind]
    ids = tokenizer.answer(answer, {"role": "user", "content": asked})
    assert tokenizer.decode(ids) == tokenizer.decode(tokenizer.text(answer))
    if kind in ("bytes", "SentencePiece") or (kind == "NFC" and form == "NFC"):
        assert tokenizer.decode(ids) == answer
