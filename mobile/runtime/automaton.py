"""The grammar as an automaton over bytes, made deterministic only where answers go.

A state is a set of stacks (what is still to come, innermost first), because an enumeration and a free string may begin
alike. States are kept and joined by edges as they are met, so that a byte met before costs one look-up.
"""

from __future__ import annotations

from typing import Any

from .call_grammar import CallGrammar, Choice, Series
from .json_terminals import CLOSED, QUOTE, Excerpt, Number, Utterance

Stack = Any  # None at the end of the call, else (frame, the stack below)


class State:
    """A point in the call.

    `final`: the call is complete. `depends`: what follows depends on the utterance, an excerpt begins or goes on here.
    `local`: it goes on, so that the state itself makes sense for one utterance only. `excerpts`: nothing else does.
    """

    __slots__ = ("depends", "edges", "excerpts", "final", "left", "legal", "local", "stacks", "tokens")

    def __init__(self, stacks: frozenset[Stack]) -> None:
        self.stacks = stacks
        self.left: dict[int, int] = {}  # tokens to the end by the shortest excerpt, see completion.py
        self.final = None in stacks
        frames = [stack[0] if stack is not None else None for stack in stacks]
        excerpts = [frame for frame in frames if isinstance(frame, Excerpt)]
        self.depends, self.excerpts = bool(excerpts), len(excerpts) == len(frames)
        self.local = any(frame.positions is not None for frame in excerpts)
        self.edges: dict[int, State | None] = {}  # byte -> next state
        self.tokens: dict[int, State | None] = {}  # token id -> next state
        self.legal: Any = None  # mask of token ids, once asked for

    def forget(self) -> None:
        """Drops what was found out about the states that follow."""
        self.edges.clear()
        self.tokens.clear()
        self.legal = None


class Automaton:
    """Follows the bytes of one call at a time.

    States inside an excerpt belong to the utterance: they live until the next `start`. All others stay, without what
    they learned about the utterance.
    """

    def __init__(self, grammar: CallGrammar) -> None:
        self._grammar = grammar
        self._shared: dict[frozenset[Stack], State] = {}
        self.utterance = Utterance("")
        self._local: dict[frozenset[Stack], State] = {}
        self._dated: set[State] = set()
        self._root = self.below((grammar.root, None))

    def start(self, utterance: str) -> State:
        """The state before the first byte, for a call that answers `utterance`."""
        if self._grammar.substrings:
            self.utterance, self._local = Utterance(utterance), {}
            for state in self._dated:
                state.forget()
            self._dated.clear()
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
        result = state.edges[byte] = self.state(stacks) if stacks else None
        if state.depends:
            self.date(state)
        return result

    def advance(self, state: State, data: bytes) -> State | None:
        """The state after several bytes; None where no call goes on with them."""
        if state.excerpts and QUOTE not in data:  # one look at the utterance instead of a state a byte
            self.date(state)
            return self._cut(state, data)
        at: State | None = state
        for byte in data:
            if at is None:
                break
            if at.depends:
                self.date(state)
            at = self.step(at, byte)
        return at

    def date(self, state: State) -> None:
        """Has a state forget at the next `start`, because what it keeps depends on the utterance."""
        if not state.local:
            self._dated.add(state)

    def options(self, state: State) -> set[int] | None:
        """Bytes that `step` might take, where they are few; None inside free strings and numbers."""
        found: set[int] = set()
        for stack in state.stacks:
            frame = stack[0] if stack is not None else b""
            if isinstance(frame, Excerpt):
                found |= frame.options(self.utterance)
            elif isinstance(frame, bytes):
                found.update(frame[:1])
            else:
                return None
        return found

    def _cut(self, state: State, data: bytes) -> State | None:
        """Inside excerpts only, and bytes that do not close them."""
        stacks: set[Stack] = set()
        for frame, rest in state.stacks:
            after = frame.skip(data, self.utterance)
            if after is not None:
                stacks.add((after, rest))
        return self.state(stacks) if stacks else None

    def _follow(self, stack: Stack, byte: int, stacks: set[Stack]) -> None:
        frame, rest = stack
        if isinstance(frame, bytes):
            if frame[0] == byte:
                stacks |= _closure((frame[1:], rest) if len(frame) > 1 else rest)
            return
        after = frame.step(byte, self.utterance) if isinstance(frame, Excerpt) else frame.step(byte)
        if after == CLOSED:
            stacks |= _closure(rest)
        elif after is not None:
            stacks |= _closure((after, rest))


def _closure(stack: Stack) -> set[Stack]:
    """All stacks with bytes to read on top that a stack stands for."""
    found: set[Stack] = set()
    waiting = [stack]  # a list and no recursion: 2,000 optional properties are as many choices inside one another
    while waiting:
        stack = waiting.pop()
        frame, rest = (None, None) if stack is None else stack
        if isinstance(frame, Series):
            for part in reversed(frame.parts):
                rest = (part, rest)
            waiting.append(rest)
        elif isinstance(frame, Choice):
            waiting += [(option, rest) for option in frame.options]
        else:
            found.add(stack)
            if isinstance(frame, Number) and frame.text and frame.complete:  # may end here, or go on
                waiting.append(rest)
    return found
