"""How many tokens the shortest end of a call takes: what the last tokens of a budget are kept for.

A bound that is cheap and never too small, added up over what is still to come:

- fixed bytes (names, keys, closed values, punctuation): the fewest tokens that spell them, none of which reaches
  into the next part;
- free strings and numbers: one token a byte, closing quote included;
- excerpts: one token a byte up to the next place where one may end, and one for the closing quote; an excerpt not
  begun counts as the shortest one of the utterance;
- a choice: its cheapest option.

Some next token always makes it smaller by one or more, so that a budget that held the bound once holds it to the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .automaton import Stack, State
from .call_grammar import Choice, Series
from .json_terminals import NO_END, Excerpt, Utterance


class Completion:
    """Counts the tokens to the end of a call, for one vocabulary.

    Args:
        spellings: bytes of the tokens. The bound counts on each single byte being one of them.
    """

    def __init__(self, spellings: Iterable[bytes]) -> None:
        self._spellings = frozenset(spellings)
        self._longest = max(map(len, self._spellings), default=0)
        self._fixed: dict[bytes, int] = {b"": 0}
        self._frames: dict[int, dict[Any, int]] = {}  # by the shortest excerpt, which is all they depend on

    def left(self, state: State, utterance: Utterance) -> int:
        """Tokens that complete the call, its stop id not counted; NO_END or more where the utterance allows no end."""
        try:
            return state.left[utterance.shortest]
        except KeyError:
            pass
        left = state.left[utterance.shortest] = min(self._stack(stack, utterance) for stack in state.stacks)
        return left

    def fixed(self, data: bytes) -> int:
        """Fewest tokens that spell `data`."""
        if data not in self._fixed:
            for start in reversed(range(len(data))):
                rest = data[start:]
                if rest not in self._fixed:
                    ends = range(1, min(self._longest, len(rest)) + 1)
                    counts = (1 + self._fixed[rest[end:]] for end in ends if rest[:end] in self._spellings)
                    self._fixed[rest] = min(counts, default=NO_END)
        return self._fixed[data]

    def _stack(self, stack: Stack, utterance: Utterance) -> int:
        known = self._frames.setdefault(utterance.shortest, {})
        left = 0
        while stack is not None:
            frame, stack = stack
            left += self._frame(frame, utterance, known)
        return left

    def _frame(self, frame: Any, utterance: Utterance, known: dict[Any, int]) -> int:
        if not _parts(frame):
            return self._terminal(frame, utterance)
        waiting = [] if frame in known else [frame]
        while waiting:  # a list and no recursion: the items of an array of at most 2,000 are inside one another
            parts = _parts(waiting[-1])
            if missing := [part for part in parts if _parts(part) and part not in known]:
                waiting += missing
                continue
            lefts = [known[part] if _parts(part) else self._terminal(part, utterance) for part in parts]
            compound = waiting.pop()
            known[compound] = sum(lefts) if isinstance(compound, Series) else min(lefts)
        return known[frame]

    def _terminal(self, frame: Any, utterance: Utterance) -> int:
        if isinstance(frame, bytes):
            return self.fixed(frame)
        return frame.bytes_left(utterance) if isinstance(frame, Excerpt) else int(frame.left)


def _parts(frame: Any) -> Sequence[Any]:
    """What a frame's bound is made of; nothing for bytes and terminals."""
    if isinstance(frame, Series):
        return frame.parts
    if isinstance(frame, Choice):  # a loop ends with its first option, and leads back to itself in the others
        return frame.options[:1] if frame.loops else frame.options
    return ()
