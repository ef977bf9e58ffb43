"""A quantised file whose answers can only be valid calls: the runtime's constrained decoding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eval.engines.tflite_engine import TfliteEngine
from train.chat import Message, content_text
from train.errors import UserError

if TYPE_CHECKING:
    from mobile.runtime.constraint import Constrain


class ConstrainedEngine(TfliteEngine):
    """`student-tflite-int8-constrained`: calls that tools.json allows. `…-substrings`: its open strings, too, are cut
    from the utterance. The int4 file likewise."""

    def adopt(self, path: Path) -> None:
        from mobile.runtime import Chat, ModelError

        kind: Constrain = "substrings" if self.spec.engine.endswith("-substrings") else "schema"
        try:
            chat = Chat(path.parent, self.variant, self.spec.threads, "interpreter", constrain=kind)
        except ModelError as error:
            raise UserError(f"The engine {self.spec.engine!r} can't constrain answers: {error}") from error
        self._model, self._constraint = chat.model, chat.constraint(kind)
        self._utterance = ""

    def prompt(self, conversation: Sequence[Message]) -> list[int]:
        self._utterance = content_text(conversation[-1]["content"])  # one at a time: the batch size is 1
        return super().prompt(conversation)

    def first(self, prompt: list[int]) -> int:
        self._start(self.window - len(prompt) + 1)
        return super().first(prompt)

    def step(self, token: int) -> int:
        chosen = int(self._sampler(self._model.decode(token)))
        if chosen == self.tokenizer.stop_id:  # a timed request goes on after its call
            self._start(self.window)
        return chosen

    def _start(self, limit: int) -> None:
        from mobile.runtime import Sampler

        # The constraint counts the room of a call in bytes, as an upper bound of its tokens: eval.max_new_tokens, which
        # counts tokens, would forbid long function names from the start ("add milk" became another function at 64).
        self._sampler = self._constraint.sampler(Sampler(), self._utterance, limit)
