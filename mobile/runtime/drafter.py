"""Draft tokens for speculative decoding: an answer takes several tokens per call of the model.

One call (`verify_N`) reads the draft tokens and gives the logits after each of them. A draft token is accepted where
the choice, made from those logits as ever, is the same token. So the answer is what it would be without drafts,
whatever the choice is made by: greedy, drawn, constrained. A rejected draft costs a part of that call, and no more.

Draft tokens come from two places, neither of them a model:

- what followed the last four or three tokens, else the last two or one, in the answers given so far, most often: calls
  are alike for long stretches ({"name":"Hass…","arguments":{"). Learned while the app runs, kept nowhere;
- what follows the same words in the prompt: values are mostly copied from what the user said. Asked after the contexts
  of three tokens.

Verifying draft tokens by one call: Leviathan et al. (arXiv 2211.17192). Drafts from the prompt: Saxena's prompt lookup
decoding; from n-grams of former answers: llama.cpp's `lookup`. What it is worth here: mobile/LOG.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Context = tuple[int, ...]

LONGEST = 4  # tokens of a context
BEFORE_PROMPT, AFTER_PROMPT = (4, 3), (2, 1)  # contexts of these many tokens are asked before, and after the prompt
MATCHED = 3  # tokens back, at most, that a place in the prompt is compared with
CONTEXTS = 10_000  # kept at most, 3 MB: those of about 700 different answers; then all are forgotten
START = -1  # stands before the answer's first token
SPACES = "Ġ▁ "  # how vocabularies write the space before a word


class Drafter:
    """Learns from the answers of a chat, and proposes draft tokens within the next one.

    Args:
        tokenizer: contents of tokenizer.json.

    Example:
        drafter = Drafter(tokenizer)
        drafter.begin(prompt_ids)
        drafter.draft(7)      # at most seven ids
        drafter.add(token)    # what was chosen instead, or all the same
    """

    def __init__(self, tokenizer: Mapping[str, Any]) -> None:
        self._tokens = tokens_by_id(tokenizer)
        self._words: dict[int, str] = {}  # of the tokens that were met
        self._counts: dict[Context, dict[int, int]] = {}
        self._likeliest: dict[Context, int] = {}
        self.begin([])

    def begin(self, prompt: Sequence[int]) -> None:
        """A new answer, to this prompt."""
        self._prompt = list(prompt)
        self._answer = [START] * LONGEST
        self._places: dict[str, list[int]] = {}
        for place, token in enumerate(self._prompt[:-1]):
            if word := self.word(token):
                self._places.setdefault(word, []).append(place)

    def add(self, token: int) -> None:
        """The answer's next token, the stop id included."""
        for length in range(1, LONGEST + 1):
            self._count(tuple(self._answer[-length:]), token)
        self._answer.append(token)

    def word(self, token: int) -> str:
        """What a token is compared by: its letters, small, without the space before a word. Empty where it has none."""
        if token not in self._words:
            self._words[token] = self._tokens.get(token, "").lstrip(SPACES).lower()
        return self._words[token]

    def draft(self, count: int) -> list[int]:
        """At most `count` tokens that may follow the answer so far; none where nothing like it was seen."""
        ids = list(self._answer)
        while len(ids) < len(self._answer) + count:
            token = self._next(ids)
            if token is None:
                break
            ids.append(token)
        return ids[len(self._answer) :]

    def _next(self, ids: Sequence[int]) -> int | None:
        token = self._seen(ids, BEFORE_PROMPT)
        if token is None:
            token = self._said(ids)
        return self._seen(ids, AFTER_PROMPT) if token is None else token

    def _seen(self, ids: Sequence[int], lengths: Sequence[int]) -> int | None:
        found = (self._likeliest.get(tuple(ids[-length:])) for length in lengths)
        return next((token for token in found if token is not None), None)

    def _said(self, ids: Sequence[int]) -> int | None:
        """What follows in the prompt where most of the last words are the same; the first such place."""
        places = self._places.get(self.word(ids[-1]), [])
        if not places:
            return None
        return self._prompt[max(places, key=lambda place: self._equal_words(place, ids)) + 1]

    def _equal_words(self, place: int, ids: Sequence[int]) -> int:
        for back in range(1, MATCHED):
            here = self.word(self._prompt[place - back]) if place >= back else ""
            if not here or here != self.word(ids[-1 - back]):
                return back
        return MATCHED

    def _count(self, context: Context, token: int) -> None:
        if len(self._counts) >= CONTEXTS:
            self._counts.clear()
            self._likeliest.clear()
        counts = self._counts.setdefault(context, {})
        counts[token] = counts.get(token, 0) + 1
        if counts[token] >= counts.get(self._likeliest.get(context, token), 0):
            self._likeliest[context] = token  # of equals the latest


def tokens_by_id(tokenizer: Mapping[str, Any]) -> dict[int, str]:
    """The vocabulary of a tokenizer.json without its special tokens."""
    vocabulary = tokenizer["model"]["vocab"]
    if not isinstance(vocabulary, Mapping):  # of a Unigram model: pairs of token and score
        vocabulary = {token: token_id for token_id, (token, _) in enumerate(vocabulary)}
    special = {entry["id"] for entry in tokenizer.get("added_tokens", [])}
    return {token_id: token for token, token_id in vocabulary.items() if token_id not in special}
