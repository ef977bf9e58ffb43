"""Always a valid call: a sampler that can only choose tokens with which a call goes on.

A trained student is nearly always right by itself, so its choice is checked first, byte by byte along edges that
are known after a few answers; the mask over the whole vocabulary is made only where the choice is refused.

The rule of the room (for those who port it): with `room` tokens left to choose, stop id included, a token is taken
only if left(state after it) + 2 <= room, where left() is the bound of completion.py on the tokens that complete the
call, and 2 stands for the token itself and the stop id. A choice of the model that is illegal or breaks the rule is
made again among the legal tokens; if the new choice breaks the rule too, once more among those that keep it, or, where
none does, among those with the smallest left(): a budget that holds no call is used up on the way to the nearest one.

A call is then whole, and not the one that was meant. So a sampler is `squeezed` from the first step on at which it
takes another token than the one meant, which is the model's own choice where that is legal, else the new choice among
all legal tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from .automaton import Automaton, State
from .call_grammar import CallGrammar
from .completion import Completion
from .errors import ModelError
from .json_terminals import NO_END
from .token_trie import Mask, TokenTrie, token_bytes

Logits = npt.NDArray[np.float32]
Constrain = Literal["off", "schema", "substrings"]
NEVER = np.float32(-np.inf)
CONSTRAINTS: tuple[Constrain, ...] = get_args(Constrain)


class CallConstraint:
    """What a tokenizer and a list of functions allow; made once, used for all answers of a chat.

    Args:
        tools: list of {"name", "parameters": JSON schema}.
        tokenizer: contents of tokenizer.json (byte-level BPE).
        vocab_size: width of the logits.
        stop_ids: allowed only after a complete call, where nothing else is.
        substrings: open strings are cut from the utterance.

    Example:
        constraint = CallConstraint(tools, tokenizer, 4224, [2])
        ids = model.generate(prompt, 64, [2], constraint.sampler(Sampler(), "turn on the light", 64))
    """

    def __init__(
        self,
        tools: Sequence[dict[str, Any]],
        tokenizer: Mapping[str, Any],
        vocab_size: int,
        stop_ids: Sequence[int],
        substrings: bool = False,
    ) -> None:
        self.automaton = Automaton(CallGrammar(tools, substrings))
        self.tokens = token_bytes(tokenizer)
        self.stop_ids = list(stop_ids)
        self.vocab_size = vocab_size
        self._completion = Completion(spelled for token, spelled in self.tokens.items() if token < vocab_size)
        self._trie: TokenTrie | None = None

    def sampler(self, choose: Callable[[Logits], int], utterance: str, max_new_tokens: int) -> ConstrainedSampler:
        """A sampler for one answer. It ends the one before it."""
        return ConstrainedSampler(self, choose, self.automaton.start(utterance), max_new_tokens)

    def after(self, state: State, token: int) -> State | None:
        """The state after a token; None where no call goes on with it."""
        try:
            return state.tokens[token]
        except KeyError:
            pass
        spelled = self.tokens.get(token)
        after = state.tokens[token] = self.automaton.advance(state, spelled) if spelled else None
        return after

    def left(self, state: State) -> int:
        """Tokens that complete the call of the present answer, a bound that is never too small."""
        return self._completion.left(state, self.automaton.utterance)

    def mask(self, state: State) -> Mask:
        """[V] bool: the legal tokens, the stop ids after a complete call."""
        if self._trie is None:
            self._trie = TokenTrie(self.tokens, self.vocab_size)
        if state.final and state.legal is None:
            self._trie.mask(self.automaton, state)[self.stop_ids] = True
        return self._trie.mask(self.automaton, state)


class ConstrainedSampler:
    """Chooses among the legal tokens, by the sampler it is given: for use as `sampler` of Model.generate.

    Towards the end of the budget only tokens are taken that leave room to complete the call, so that it is whole at
    `max_new_tokens`, the stop id included: the rule of the room above. `squeezed` says whether that changed the call.
    """

    def __init__(
        self, constraint: CallConstraint, choose: Callable[[Logits], int], state: State, max_new_tokens: int
    ) -> None:
        self._constraint, self._choose = constraint, choose
        self.state = state
        self._room = max_new_tokens
        self.refused = 0  # how often the model's own choice was not legal, or left no room
        self.squeezed = False  # a legal choice was not taken for lack of room: the call is not the one that was meant

    def __call__(self, logits: Logits) -> int:
        if self.state.final:
            return self._constraint.stop_ids[0]  # nothing else is legal: there is nothing to choose
        token = self._choose(logits)
        after = self._constraint.after(self.state, token)
        if after is None or not self._fits(after):
            self.refused += 1
            token, after = self._replacement(logits, None if after is None else token)
        self._room -= 1
        self.state = after
        return token

    def _fits(self, after: State) -> bool:
        """Whether one more token, those still needed after it, and the stop id fit."""
        return self._constraint.left(after) + 2 <= self._room

    def _replacement(self, logits: Logits, meant: int | None) -> tuple[int, State]:
        """What is taken instead of the model's own choice; `meant` is that choice where it is legal."""
        legal = self._constraint.mask(self.state)
        if not legal.any():
            raise ModelError("No token of the vocabulary continues the call: the tokenizer lacks single bytes.")
        token = self._choose(np.where(legal, logits, NEVER))
        meant = token if meant is None else meant
        if not self._fits(self._after(token)):
            token = self._choose(np.where(self._fitting(legal), logits, NEVER))
        self.squeezed = self.squeezed or token != meant
        return token, self._after(token)

    def _fitting(self, legal: Mask) -> Mask:
        """The legal tokens that leave room, or those that come nearest to it."""
        left = np.full(len(legal), NO_END)
        for token in map(int, np.flatnonzero(legal)):
            left[token] = self._constraint.left(self._after(token))
        return legal & (left <= max(self._room - 2, int(left.min())))

    def _after(self, token: int) -> State:
        after = self._constraint.after(self.state, token)
        assert after is not None, f"token {token} is legal by the mask and not by the automaton"
        return after
