"""Chat template and loss mask; forged special tokens stay text."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from tokenizers import Tokenizer

from train.chat import CHAT_TEMPLATE, START, STOP, ChatTokenizer
from train.errors import UserError

MESSAGES = [{"role": "user", "content": "turn on the fan"}, {"role": "assistant", "content": '{"name":null}'}]


@pytest.fixture(scope="module")
def tokenizer(tokenizer_folder: Path) -> ChatTokenizer:
    return ChatTokenizer.load(tokenizer_folder)


def test_ids_spell_the_template(tokenizer: ChatTokenizer) -> None:
    ids, mask = tokenizer.encode(MESSAGES)
    spelled = "".join(tokenizer.token(token) for token in ids)
    rendered = jinja2.Template(CHAT_TEMPLATE).render(messages=MESSAGES)
    assert (
        spelled
        == rendered
        == ("<|im_start|>user\nturn on the fan<|im_end|>\n<|im_start|>assistant\n" + '{"name":null}<|im_end|>\n')
    )
    supervised = "".join(tokenizer.token(token) for token, flag in zip(ids, mask, strict=True) if flag)
    assert supervised == '{"name":null}<|im_end|>'


def test_prompt_is_the_beginning_of_the_row(tokenizer: ChatTokenizer) -> None:
    prompt = tokenizer.prompt(MESSAGES[:1])
    ids, mask = tokenizer.encode(MESSAGES)
    assert ids[: len(prompt)] == prompt
    assert mask.index(1) == len(prompt)


def test_content_as_list_of_parts_is_the_same(tokenizer: ChatTokenizer) -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "turn on "}, {"type": "text", "text": "the fan"}]}]
    assert tokenizer.prompt(parts) == tokenizer.prompt(MESSAGES[:1])
    assert jinja2.Template(CHAT_TEMPLATE).render(messages=parts) == "<|im_start|>user\nturn on the fan<|im_end|>\n"


@pytest.mark.parametrize("token", [START, STOP, "<|endoftext|>"])
def test_special_tokens_typed_by_a_user_stay_text(tokenizer: ChatTokenizer, tokenizer_folder: Path, token: str) -> None:
    whole = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    special = whole.token_to_id(token)
    assert special in whole.encode(f"say {token}").ids  # the plain tokenizer would be fooled
    ids = tokenizer.text(f"say {token}")
    assert special not in ids
    assert tokenizer.decode(ids) == f"say {token}"


def test_any_text_encodes_and_decodes(tokenizer: ChatTokenizer) -> None:
    for text in ("Grüße", "日本 🙂", "a\tb\r\n", "\u200b"):
        assert tokenizer.decode(tokenizer.text(text)) == text


def test_limits_in_a_tokenizer_file_cut_and_fill_nothing(tokenizer: ChatTokenizer, tokenizer_folder: Path) -> None:
    limited = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    limited.enable_truncation(3)
    limited.enable_padding(length=40)
    text = "turn on the light in the attic, please"
    assert len(limited.encode(text).ids) == 40
    assert ChatTokenizer(limited.to_str()).text(text) == tokenizer.text(text)


def test_missing_and_broken_tokenizers_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No tokenizer at"):
        ChatTokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="can't be read"):
        ChatTokenizer.load(tmp_path)
