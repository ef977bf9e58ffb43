"""Trimming: no training text is tokenised differently, any other text still encodes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer

from train.chat import PAD, START, STOP, ChatTokenizer
from train.config import Config
from train.data.build import write_tokenizer
from train.data.vocabulary import ROUND_TO, TrimmedVocabulary, trim_vocabulary
from train.errors import UserError

CORPUS = [
    "the quick brown fox jumps over the lazy dog near the riverbank while thinking about thermodynamics",
    "turn on the kitchen lights and turn off the bathroom fan before the thunderstorm strikes the chimney",
    "internationalisation of configuration thresholds in the northern atmosphere, 1234 times or 99.5%",
] * 3
TRAINING = ["turn on the kitchen lights", "turn off the fan at 12:34", "the northern lights"]


def big_tokenizer() -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=700,
            special_tokens=[PAD, START, STOP, "<unused>"],
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    return str(tokenizer.to_str())


BIG = big_tokenizer()
FULL = Tokenizer.from_str(BIG)


def trimmed_to(texts: list[str]) -> TrimmedVocabulary:
    return trim_vocabulary(BIG, {token for text in texts for token in FULL.encode(text).ids})


TRIMMED = trimmed_to(TRAINING)
SMALL = Tokenizer.from_str(TRIMMED.tokenizer_json)


def test_training_texts_keep_their_tokens() -> None:
    assert SMALL.get_vocab_size() < FULL.get_vocab_size()
    for text in TRAINING:
        assert SMALL.encode(text).tokens == FULL.encode(text).tokens
        assert [TRIMMED.kept_ids[token] for token in SMALL.encode(text).ids] == FULL.encode(text).ids


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_still_encodes(text: str) -> None:
    assert SMALL.decode(SMALL.encode(text, add_special_tokens=False).ids, skip_special_tokens=False) == text


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(" ".join(CORPUS).split()), min_size=1, max_size=8))
def test_trimming_by_a_text_never_changes_that_text(words: list[str]) -> None:
    text = " ".join(words)
    small = Tokenizer.from_str(trimmed_to([text]).tokenizer_json)
    assert small.encode(text).tokens == FULL.encode(text).tokens


def test_bytes_and_template_tokens_stay_and_the_size_is_round() -> None:
    vocab = SMALL.get_vocab()
    assert set(pre_tokenizers.ByteLevel.alphabet()) <= set(vocab)
    assert {PAD, START, STOP} <= set(vocab)
    assert "<unused>" not in vocab
    assert len(vocab) % ROUND_TO == 0
    assert sorted(vocab.values()) == list(range(len(vocab)))


def test_other_kinds_of_tokenizer_are_refused() -> None:
    state = json.loads(BIG)
    state["model"] = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}
    with pytest.raises(UserError, match="trim_vocabulary: false"):
        trim_vocabulary(json.dumps(state), [0])


def test_a_word_keeps_its_twin_with_and_without_a_space() -> None:
    assert {"the", "Ġthe"} <= set(FULL.get_vocab())
    for text in (" the", "the"):
        assert {"the", "Ġthe"} <= set(Tokenizer.from_str(trimmed_to([text]).tokenizer_json).get_vocab())


def test_paired_leaves_out_what_begins_a_word_and_has_no_twin() -> None:
    """ "Ġquick" is a token of the corpus and "quick" is not: the word is then split alike in both places."""
    assert "Ġquick" in FULL.get_vocab()
    assert "quick" not in FULL.get_vocab()
    used = FULL.encode("the quick").ids
    small = Tokenizer.from_str(trim_vocabulary(BIG, used, paired=True).tokenizer_json)
    vocab = small.get_vocab()
    assert not [token for token in vocab if token[:1] == "Ġ" and token[1:2].isalpha() and token[1:] not in vocab]
    behind_space, alone = small.encode(" quick").tokens, small.encode("quick").tokens
    assert "".join(behind_space) == "Ġquick"
    assert len(behind_space) > 1
    assert "".join(alone) == "quick"


AROUND: dict[str, Any] = {  # what many bases have: a start token, named with its id
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<unused>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"<unused>": {"id": "<unused>", "ids": [3], "tokens": ["<unused>"]}},
}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


@pytest.mark.parametrize("processor", [None, AROUND, {"type": "Sequence", "processors": [BYTES, AROUND]}])
def test_other_libraries_see_the_trimmed_vocabulary_alone(
    processor: dict[str, Any] | None, tmp_path: Path, make_config: Callable[..., Config]
) -> None:
    """The base's settings name tokens and ids that the trimmed embedding has not."""
    base, folder = tmp_path / "base", tmp_path / "tokenizer"
    base.mkdir()
    state = json.loads(BIG) | {"post_processor": processor}
    (base / "tokenizer.json").write_text(json.dumps(state))
    (base / "config.json").write_text('{"model_type": "llama", "max_position_embeddings": 512}')
    save_file({"weight": np.zeros(2, np.float32)}, base / "model.safetensors")
    flags = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
    added = {str(token["id"]): {flag: token[flag] for flag in flags} for token in state["added_tokens"]}
    settings = {
        "added_tokens_decoder": added, "additional_special_tokens": ["<unused>"], "extra_special_tokens": {"x": "<x>"},
        "add_bos_token": True, "mask_token": "<mask>", "vocab_size": 700,
    }  # fmt: skip
    (base / "tokenizer_config.json").write_text(json.dumps(settings))
    rows = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "ok"}]} for text in TRAINING
    ]
    write_tokenizer(make_config(model={"source": str(base), "shape": None}), rows, folder)
    ours, theirs = ChatTokenizer.load(folder), AutoTokenizer.from_pretrained(folder)
    assert len(theirs) == ours.vocab_size < 700
    for text in (*TRAINING, "an <unused> <mask> unknown"):
        assert theirs(text).input_ids == ours.text(text)
    assert theirs.convert_tokens_to_ids([START, STOP, PAD]) == [ours.start_id, ours.stop_id, ours.pad_id]
    assert theirs.model_max_length == 512


def test_a_post_processor_that_adds_nothing_stays() -> None:
    empty = AROUND | {"special_tokens": {}, "single": AROUND["single"][1:]}
    state = json.loads(BIG) | {"post_processor": {"type": "Sequence", "processors": [BYTES, AROUND, empty]}}
    left = json.loads(trim_vocabulary(json.dumps(state), []).tokenizer_json)["post_processor"]
    assert left["processors"] == [BYTES, empty]
