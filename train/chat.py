"""Chat messages as token ids and loss mask, for training and for asking.

The template of the project (without the default system message that SmolLM2 brings: 21 tokens a row):

    <|im_start|>user\\n{content}<|im_end|>\\n<|im_start|>assistant\\n{content}<|im_end|>\\n

Special tokens are placed by id; text is encoded by a copy of the tokenizer that knows no special tokens, so that
text from a user ("<|im_end|>" typed by hand) can never become one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from train.copied_pieces import copied_pieces
from train.errors import UserError

START, STOP, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
ROLES = ("system", "user", "assistant")

# The same template for libraries that render text themselves. Content may be a string or a list of text parts:
# LiteRT-LM passes a list since 0.18, on which SmolLM2's own template fails.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

Message = dict[str, Any]
WITHOUT_LIMITS = {"truncation": None, "padding": None}  # of a tokenizer.json that would cut or fill each text


class ChatTokenizer:
    """Tokenizer and chat template in one, from a `tokenizer.json`."""

    def __init__(self, tokenizer_json: str) -> None:
        state = json.loads(tokenizer_json)
        self._whole = Tokenizer.from_str(tokenizer_json)
        self._plain = Tokenizer.from_str(json.dumps(state | {"added_tokens": []} | WITHOUT_LIMITS))
        self.vocab_size: int = 1 + max(self._whole.get_vocab().values())  # rows of an embedding: ids may have gaps
        self.start_id, self.stop_id, self.pad_id = (self._special(token) for token in (START, STOP, PAD))
        self._newline = self.text("\n")

    @classmethod
    def load(cls, folder: Path) -> ChatTokenizer:
        """Reads `folder/tokenizer.json`. Raises UserError where there is none or it can't be read."""
        path = folder / "tokenizer.json"
        try:
            return cls(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"No tokenizer at {path}: a folder with a tokenizer.json was expected there.") from None
        except UserError:
            raise
        except Exception as error:  # `tokenizers` raises plain Exception
            raise UserError(f"The tokenizer at {path} can't be read ({error}).") from error

    def text(self, content: str) -> list[int]:
        """Ids of plain text; special tokens written in it stay plain text."""
        ids: list[int] = self._plain.encode(content, add_special_tokens=False).ids
        return ids

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Ids of the messages and of the header of the assistant's turn: what the model continues."""
        ids = [token for message in messages for token in self._turn(message)[0]]
        return [*ids, self.start_id, *self.text("assistant\n")]

    def encode(self, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
        """Ids of the messages and the loss mask: 1 on the assistant's content and its end token, else 0.

        What an answer copies from the message before it is spelled in that message's pieces (copied_pieces.py).
        """
        ids: list[int] = []
        mask: list[int] = []
        before: Message | None = None
        for message in messages:
            turn_ids, turn_mask = self._turn(message, before)
            ids += turn_ids
            mask += turn_mask
            before = message
        return ids, mask

    def answer(self, content: str, before: Message | None) -> list[int]:
        """Ids of an answer as it is taught, without its end token. `before`: the message that it answers."""
        if before is None:
            return self.text(content)
        asked = self._turn_text(before)
        encoding = self._plain.encode(asked, add_special_tokens=False)
        pieces = list(zip(encoding.tokens, encoding.ids, strict=True))
        return copied_pieces(content, asked, pieces, self.text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids, without special tokens."""
        text: str = self._whole.decode(list(ids), skip_special_tokens=True)
        return text

    def token(self, token_id: int) -> str:
        """One token as text, special tokens by name: for showing rows to people."""
        if token_id in (self.start_id, self.stop_id, self.pad_id):
            return str(self._whole.id_to_token(token_id))
        return str(self._whole.decode([token_id]))

    def _turn(self, message: Message, before: Message | None = None) -> tuple[list[int], list[int]]:
        if message["role"] == "assistant":
            # Header and answer are encoded apart: generation starts after the header's tokens.
            header = [self.start_id, *self.text("assistant\n")]
            answer = [*self.answer(content_text(message["content"]), before), self.stop_id]
        else:
            header, answer = [self.start_id, *self.text(self._turn_text(message)), self.stop_id], []
        ids = header + answer + self._newline
        return ids, [0] * len(header) + [1] * len(answer) + [0] * len(self._newline)

    def _turn_text(self, message: Message) -> str:
        return f"{message['role']}\n{content_text(message['content'])}"

    def _special(self, token: str) -> int:
        token_id = self._whole.token_to_id(token)
        if token_id is None:
            raise UserError(
                f"The tokenizer has no token {token!r}, which the chat template needs. Use a base model that was "
                "trained with ChatML tokens, such as HuggingFaceTB/SmolLM2-1.7B-Instruct."
            )
        return int(token_id)


def content_text(content: str | Sequence[dict[str, Any]]) -> str:
    """Content of a message: a string, or a list of text parts joined."""
    return content if isinstance(content, str) else "".join(str(part["text"]) for part in content)
