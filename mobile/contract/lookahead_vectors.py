"""Vectors of the guesses: what is guessed before each token of a row of answers, by one that began with nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mobile.contract.golden_vectors import MAX_NEW_TOKENS, TEXTS
from mobile.contract.prebuilt import Prebuilt
from mobile.runtime.lookahead import CONTEXTS, Lookahead

COUNT = 7  # guesses asked for
ASKED = [*TEXTS[:24], *TEXTS[:6]]  # the last ones for the second time


def lookahead_vectors(prebuilt: Prebuilt) -> dict[str, Any]:
    lookahead = Lookahead(prebuilt.tokenizer.contents)
    return {
        "about": "Answers in the order in which one chat gives them, to the guesses before each of their ids.",
        "inputs": prebuilt.sha256("student-int8.tflite", "tokenizer.json", "tools.json"),
        "count": COUNT,
        "contexts": CONTEXTS,
        "cases": [_case(prebuilt, lookahead, text) for text in ASKED],
    }


def _case(prebuilt: Prebuilt, lookahead: Lookahead, text: str) -> dict[str, Any]:
    prompt = prebuilt.chat.prompt_ids(text)
    answer = [*prebuilt.chat.answer(text, MAX_NEW_TOKENS, constrain="schema").ids, prebuilt.bundle.stop_ids[0]]
    return {"prompt": prompt, "answer": answer, "guesses": _guesses(lookahead, prompt, answer)}


def _guesses(lookahead: Lookahead, prompt: Sequence[int], answer: Sequence[int]) -> list[list[int]]:
    lookahead.begin(prompt)
    found = []
    for token in answer:
        found.append(lookahead.guess(COUNT))
        lookahead.add(token)
    return found
