"""The vocabulary as bytes: what each token spells, and all tokens in a trie, for masks of allowed tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .automaton import Automaton, Stack, State
from .errors import ModelError
from .json_terminals import CLOSED, QUOTE, Excerpt, Text, Utterance

Mask = npt.NDArray[np.bool_]


def token_bytes(tokenizer: Mapping[str, Any]) -> dict[int, bytes]:
    """Bytes of each token of a tokenizer.json with byte-level BPE, special tokens left out.

    Byte-level BPE writes each byte as one printable letter: those of Latin-1 that are printable stand for
    themselves, the others are numbered from U+0100 on (Radford et al. 2019, GPT-2).
    """
    if "ByteLevel" not in _types(tokenizer.get("decoder")) or tokenizer.get("model", {}).get("type") != "BPE":
        raise ModelError(
            "Constrained decoding needs a byte-level BPE tokenizer, and tokenizer.json is of another kind. "
            "Answer with constrain='off'."
        )
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(0x100)) - set(printable))
    letters = {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}
    special = {entry["id"] for entry in tokenizer.get("added_tokens", [])}
    vocabulary = {text: token for text, token in tokenizer["model"]["vocab"].items() if token not in special}
    return {token: bytes(letters[c] for c in text) for text, token in vocabulary.items() if set(text) <= letters.keys()}


def _types(decoder: Any) -> set[str]:
    parts = (decoder or {}).get("decoders", [decoder or {}])
    return {str(part.get("type")) for part in parts}


class Node:
    """A point in the trie: the ids of the tokens spelled so far, and what may follow."""

    __slots__ = ("children", "ids")

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.children: dict[int, Node] = {}


class TokenTrie:
    """All tokens by their bytes; finds those that an automaton may take next.

    The inside of a free string allows most of the vocabulary, whatever follows the string. So for each phase of
    a string the tokens that stay inside are found once, and those that leave it are followed from its closing quote.
    The inside of an excerpt is read along the utterance, without a state a byte.
    """

    def __init__(self, tokens: Mapping[int, bytes], vocab_size: int) -> None:
        self._vocab_size = vocab_size
        self._root = Node()
        for token, spelled in tokens.items():
            if spelled and token < vocab_size:
                node = self._root
                for byte in spelled:
                    node = node.children.setdefault(byte, Node())
                node.ids.append(token)
        self._inside: dict[int, tuple[Mask, list[Node]]] = {}

    def mask(self, automaton: Automaton, state: State) -> Mask:
        """[V] bool: the tokens after which a call can still go on. Kept with the state."""
        if state.legal is None:
            legal = np.zeros(self._vocab_size, dtype=bool)
            free = [stack for stack in state.stacks if stack and _is_free(stack[0])]
            excerpts = [stack for stack in state.stacks if stack and isinstance(stack[0], Excerpt)]
            for frame, rest in free:
                inside, leaving = self._text(frame.phase)
                legal |= inside
                self._leave(leaving, rest, automaton, state, legal)
            for frame, rest in excerpts:
                self._leave(self._excerpt(frame, automaton.utterance, legal), rest, automaton, state, legal)
            if others := state.stacks.difference(free, excerpts):
                start = automaton.state(set(others)) if free or excerpts else state
                self._walk(self._root, automaton, start, state, legal)
            if excerpts:
                automaton.date(state)
            state.legal = legal
        mask: Mask = state.legal
        return mask

    def _leave(self, closed: Iterable[Node], rest: Stack, automaton: Automaton, owner: State, legal: Mask) -> None:
        """Notes the tokens that closed a string at one of these nodes, and those that go on after it."""
        after = automaton.below(rest)
        for node in closed:
            legal[node.ids] = True
            self._walk(node, automaton, after, owner, legal)

    def _excerpt(self, frame: Excerpt, utterance: Utterance, legal: Mask) -> Collection[Node]:
        """Notes the tokens that stay inside an excerpt; the nodes at which the others have closed it."""
        ids: list[int] = []
        closed: dict[int, Node] = {}
        for start in utterance.starts if frame.positions is None else frame.positions:
            node = self._root
            for at in range(start, len(utterance.data) + 1):
                if at in utterance.ends and (at > start or frame.positions is not None) and QUOTE in node.children:
                    closed[id(node)] = node.children[QUOTE]
                following = node.children.get(utterance.data[at]) if at < len(utterance.data) else None
                if following is None:
                    break
                node = following
                ids += node.ids
        legal[ids] = True
        return closed.values()

    @staticmethod
    def _walk(root: Node, automaton: Automaton, start: State, owner: State, legal: Mask) -> None:
        """Notes in the mask of `owner` the tokens below `root` that may follow `start`."""
        ids: list[int] = []
        border = [(root, start)]
        while border:
            node, state = border.pop()
            if not node.children:
                continue
            if state.depends:
                automaton.date(owner)
            options = automaton.options(state)
            for byte in node.children if options is None else options.intersection(node.children):
                child = node.children[byte]
                following = automaton.step(state, byte)
                if following is not None:
                    ids += child.ids
                    border.append((child, following))
        legal[ids] = True

    def _text(self, phase: int) -> tuple[Mask, list[Node]]:
        """Tokens that stay inside a free string, and the nodes at which the others have closed it."""
        if phase not in self._inside:
            inside, leaving = np.zeros(self._vocab_size, dtype=bool), []
            for child, text in _inside(self._root, Text(phase)):
                if text == CLOSED:
                    leaving.append(child)
                else:
                    inside[child.ids] = True
            self._inside[phase] = inside, leaving
        return self._inside[phase]


def _is_free(frame: object) -> bool:
    return isinstance(frame, Text) and frame.most is None and frame.least == 0


def _inside(root: Node, start: Text) -> Iterator[tuple[Node, Any]]:
    border = [(root, start)]
    while border:
        node, text = border.pop()
        for byte, child in node.children.items():
            following = text.step(byte)
            if following is not None:
                yield child, following
            if isinstance(following, Text):
                border.append((child, following))
