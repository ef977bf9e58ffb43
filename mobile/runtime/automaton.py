"""The grammar as an automaton over bytes, made deterministic only where answers go.

A state is a set of stacks (what is still to come, innermost first), because an enumeration and a free string may begin
alike. States are kept and joined by edges as they are met, so that a byte met before costs one look-up.
"""

from __future__ import annotations

from typing import Any

from .call_grammar import CallGrammar, Choice, Series, bytes_left
from .json_terminals import CLOSED, Excerpt, Number, Utterance

Stack = Any  # None at the end of the call, else (frame, the stack below)


class State:
    """A point in the call. `final`: the call is complete. `local`: it depends on the utterance."""

    __slots__ = ("edges", "final", "left", "legal", "local", "stacks", "tokens")

    def __init__(self, stacks: frozenset[Stack]) -> None:
        self.stacks = stacks
        self.left: int | None = None  # see Automaton.left
        self.final = None in stacks
        self.local = any(stack is not None and isinstance(stack[0], Excerpt) for stack in stacks)
        self.edges: dict[int, State | None] = {}  # byte -> next state
        self.tokens: dict[int, State | None] = {}  # token id -> next state
        self.legal: Any = None  # mask of token ids, once asked for


class Automaton:
    """Follows the bytes of one call at a time.

    States inside an excerpt depend on the utterance: they live until the next `start`. All others stay.
    """

    def __init__(self, grammar: CallGrammar) -> None:
        self._grammar = grammar
        self._shared: dict[frozenset[Stack], State] = {}
        self._utterance = Utterance("")
        self._local: dict[frozenset[Stack], State] = {}
        self._root = self.below((grammar.root, None))

    def start(self, utterance: str) -> State:
        """The state before the first byte, for a call that answers `utterance`."""
        if self._grammar.substrings:
            self._utterance, self._local = Utterance(utterance), {}
        return self._root

    def state(self, stacks: set[Stack]) -> State:
        key = frozenset(stacks)
        found = self._shared.get(key) or self._local.get(key)
        if found is None:
            found = State(key)
            (self._local if found.local else self._shared)[key] = found
        return found

    def below(self, stack: Stack) -> State:
        """The state that a single stack stands for."""
        return self.state(_closure(stack))

    def step(self, state: State, byte: int) -> State | None:
        """The state after one more byte; None where no call goes on with it."""
        try:
            return state.edges[byte]
        except KeyError:
            pass
        stacks: set[Stack] = set()
        for stack in state.stacks:
            if stack is not None:
                self._follow(stack, byte, stacks)
        result = self.state(stacks) if stacks else None
        if self.may_keep(state, result):
            state.edges[byte] = result
        return result

    def options(self, state: State) -> set[int] | None:
        """Bytes that `step` might take, where they are few; None inside free strings and numbers."""
        found: set[int] = set()
        for stack in state.stacks:
            frame = stack[0] if stack is not None else b""
            if isinstance(frame, Excerpt):
                found |= frame.options(self._utterance)
            elif isinstance(frame, bytes):
                found.update(frame[:1])
            else:
                return None
        return found

    def left(self, state: State) -> int:
        """Fewest bytes that complete the call."""
        if state.left is None:
            state.left = min(map(self._left, state.stacks))
        return state.left

    @staticmethod
    def may_keep(state: State, result: State | None) -> bool:
        """An edge from a state that stays may not lead to one that is forgotten."""
        return state.local or result is None or not result.local

    def _follow(self, stack: Stack, byte: int, stacks: set[Stack]) -> None:
        frame, rest = stack
        if isinstance(frame, bytes):
            if frame[0] == byte:
                stacks |= _closure((frame[1:], rest) if len(frame) > 1 else rest)
            return
        after = frame.step(byte, self._utterance) if isinstance(frame, Excerpt) else frame.step(byte)
        if after == CLOSED:
            stacks |= _closure(rest)
        elif after is not None:
            stacks |= _closure((after, rest))

    def _left(self, stack: Stack) -> int:
        left = 0
        while stack is not None:
            frame, stack = stack
            inside = isinstance(frame, Excerpt) and frame.positions is not None
            left += frame.bytes_left(self._utterance) if inside else bytes_left(frame)
        return left


def _closure(stack: Stack) -> set[Stack]:
    """All stacks with bytes to read on top that a stack stands for."""
    if stack is None:
        return {None}
    frame, rest = stack
    if isinstance(frame, Series):
        for part in reversed(frame.parts):
            rest = (part, rest)
        return _closure(rest)
    if isinstance(frame, Choice):
        return set().union(*(_closure((option, rest)) for option in frame.options))
    if isinstance(frame, Number) and frame.text and frame.complete:  # may end here, or go on
        return {stack} | _closure(rest)
    return {stack}
