"""Chat messages to token ids, exactly as the model was trained on them.

    <|im_start|>user\\n{content}<|im_end|>\\n<|im_start|>assistant\\n

Special tokens are placed by id. Text is encoded by a second tokenizer that knows none, so that
"<|im_end|>" typed by a user stays plain text and cannot end the turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .errors import ModelError, PromptError

ROLES = ("system", "user", "assistant")
Message = dict[str, Any]


class PromptTokenizer:
    """FOLDER/tokenizer.json with the chat template; `start_id` and `stop_id` come from bundle.json."""

    def __init__(self, path: Path, start_id: int, stop_id: int) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ModelError("tokenizers is not installed. Install it: pip install tokenizers") from error
        try:
            text = path.read_text(encoding="utf-8")
            self._whole = Tokenizer.from_str(text)
            self.contents: dict[str, Any] = json.loads(text)
            # A tokenizer.json may ask for texts of one length: a prompt would be cut without a word.
            plain = self.contents | {"added_tokens": [], "truncation": None, "padding": None}
            self._plain = Tokenizer.from_str(json.dumps(plain))
        except Exception as error:  # tokenizers raises bare Exception
            raise ModelError(f"{path} cannot be read as a tokenizer ({error}). Copy the folder again.") from error
        self.start_id, self.stop_id = start_id, stop_id

    def text(self, content: str) -> list[int]:
        """Ids of plain text, never special ones. PromptError where it is no text: bytes that were not UTF-8."""
        try:
            content.encode()
        except UnicodeEncodeError:  # Python keeps such bytes of a command line as lone surrogates
            raise PromptError("The text is not valid UTF-8. Send it as UTF-8.") from None
        ids: list[int] = self._plain.encode(content, add_special_tokens=False).ids
        return ids

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Ids up to where the assistant's answer begins."""
        if not messages or not any(content_of(message).strip() for message in messages):
            raise PromptError("The prompt is empty: there is no text to answer.")
        ids: list[int] = []
        for message in messages:
            ids += self._turn(message)
        return [*ids, self.start_id, *self.text("assistant\n")]

    def stream(self, ids: Iterable[int]) -> Iterator[str]:
        """Text as ids come; bytes of a character that is not complete yet are held back."""
        context: list[int] = []  # the tokens of the last piece: some decoders treat a first token in another way
        fresh: list[int] = []
        for token in ids:
            fresh.append(token)
            piece = self._continuation(context, fresh)
            if piece and not piece.endswith("\ufffd"):
                yield piece
                context, fresh = fresh, []
        if rest := self._continuation(context, fresh):
            yield rest

    def _continuation(self, context: list[int], fresh: list[int]) -> str:
        return self.decode([*context, *fresh])[len(self.decode(context)) :]

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self._whole.decode(list(ids), skip_special_tokens=True)
        return text

    def _turn(self, message: Message) -> list[int]:
        role, content = message.get("role"), content_of(message)
        if role not in ROLES:
            raise PromptError(f"A message has the role {role!r}; known are {', '.join(ROLES)}.")
        if role == "assistant":  # header and answer apart: the model generated after the header's tokens
            inner = [*self.text("assistant\n"), *self.text(content)]
        else:
            inner = self.text(f"{role}\n{content}")
        return [self.start_id, *inner, self.stop_id, *self.text("\n")]


def content_of(message: Message) -> str:
    """Content of a message: a string, or a list of text parts. PromptError where it is something else."""
    if not isinstance(message, dict):
        raise PromptError(f'{message!r:.80} is no message. Give {{"role": …, "content": …}}, or one text.')
    content = message.get("content", "")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    for part in parts:
        text = part.get("text") if isinstance(part, dict) and part.get("type", "text") == "text" else None
        if not isinstance(text, str):
            raise PromptError(
                f"A message's content holds {part!r:.80}, which is no text. Give a string, or a list of "
                '{"type": "text", "text": "…"}.'
            )
    return "".join(part["text"] for part in parts)
