"""What one question brought back: the text, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """`ids` are without the stop id.

    `stopped` is False where the budget or the window ended the answer, or cut it short: a constrained answer is a whole
    call even so, but not the one the model meant.

    Times are in seconds: `first` from the call to the first new token (prompt included), `seconds` of the whole.
    `refused` counts the tokens that the constraint replaced, 0 where there was none to replace or no constraint.
    """

    text: str
    ids: list[int]
    stopped: bool
    prompt_tokens: int
    first: float
    seconds: float
    refused: int = 0

    @property
    def tokens_per_second(self) -> float:
        """Of the whole answer, reading the prompt included: several tokens may come by one call, the first one too."""
        return len(self.ids) / self.seconds if self.seconds > 0 else 0.0
