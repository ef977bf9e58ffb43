"""Vectors of the drafter: what it drafts before each token of a row of answers, when it began with nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mobile.contract.golden_vectors import MAX_NEW_TOKENS, TEXTS
from mobile.contract.prebuilt import Prebuilt
from mobile.runtime.drafter import CONTEXTS, Drafter

COUNT = 7  # draft tokens asked for
ASKED = [*TEXTS[:24], *TEXTS[:6]]  # the last ones for the second time
# Made-up prompts and answers, of words that nothing else has; "-" is a token that is no word.
MADE_UP = (
    ("d b c e a b c f -", "a b c"),  # drafted next: f, since three words decide
    ("g h i j k g h i l -", "k g h i"),  # j: a fourth is not compared
    ("m n o - n p -", "n"),  # o: where there is no word, nothing is equal
)


def drafter_vectors(prebuilt: Prebuilt) -> dict[str, Any]:
    drafter = Drafter(prebuilt.tokenizer.contents)
    return {
        "about": "Answers in the order in which one chat gives them, to the draft tokens before each of their ids.",
        "inputs": prebuilt.sha256("student-int8.tflite", "tokenizer.json", "tools.json"),
        "count": COUNT,
        "contexts": CONTEXTS,
        "cases": [*_asked(prebuilt, drafter), *_made_up(prebuilt, drafter)],
    }


def _asked(prebuilt: Prebuilt, drafter: Drafter) -> list[dict[str, Any]]:
    asked = [(prebuilt.chat.prompt_ids(text), _answer(prebuilt, text)) for text in ASKED]
    return [_case(drafter, prompt, answer) for prompt, answer in asked]


def _answer(prebuilt: Prebuilt, text: str) -> list[int]:
    return [*prebuilt.chat.answer(text, MAX_NEW_TOKENS, constrain="schema").ids, prebuilt.bundle.stop_ids[0]]


def _made_up(prebuilt: Prebuilt, drafter: Drafter) -> list[dict[str, Any]]:
    answered = {drafter.word(token) for text in ASKED for token in _answer(prebuilt, text)}
    words = {token: drafter.word(token) for token in range(prebuilt.bundle.vocab_size)}
    by_word = {word: token for token, word in words.items() if word.isalpha() and word not in answered}
    stop = prebuilt.bundle.stop_ids[0]
    ids = dict(zip("abcdefghijklmnop", by_word.values(), strict=False)) | {"-": stop}
    cases = [([ids[word] for word in said.split()], [ids[word] for word in answer.split()]) for said, answer in MADE_UP]
    return [_case(drafter, prompt, [*answer, stop]) for prompt, answer in cases]


def _case(drafter: Drafter, prompt: Sequence[int], answer: Sequence[int]) -> dict[str, Any]:
    return {"prompt": prompt, "answer": answer, "drafts": _drafts(drafter, prompt, answer)}


def _drafts(drafter: Drafter, prompt: Sequence[int], answer: Sequence[int]) -> list[list[int]]:
    drafter.begin(prompt)
    found = []
    for token in answer:
        found.append(drafter.draft(COUNT))
        drafter.add(token)
    return found
