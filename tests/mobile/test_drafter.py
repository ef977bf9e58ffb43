"""Draft tokens: what they are, that no answer depends on them, and that they save calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mobile.contract.prebuilt import PREBUILT
from mobile.export.speculative_gate import speculative_gate
from mobile.runtime import Chat, ContextFullError, Model, ModelError, Sampler
from mobile.runtime.bundle import Bundle
from mobile.runtime.drafter import CONTEXTS, Drafter
from mobile.runtime.model import PATIENCE
from mobile.runtime.runner import RunnerKind
from tests.mobile.conftest import WINDOW, Exported

VOCABULARY = ["<s>", "turn", "Ġon", "Ġthe", "Ġreading", "Ġlamp", "reading", "lamp", "{", "}", "Ġ", "Turn", "ĠThe", "on"]
IDS = {token: index for index, token in enumerate(VOCABULARY)}
TOKENIZER = {"model": {"vocab": IDS}, "added_tokens": [{"id": 0}]}
TEXTS = (
    "turn on the kitchen lights", "dim the reading lamp to 20%", "put oat milk on my shopping list",
    "set a timer for ten minutes", "turn off the ceiling light in the hallway", "what is the weather like",
    "close the blinds in the bedroom", "add carrots to the shopping list", "turn on the coffee machine",
    "schließ die Küche",
)  # fmt: skip
SAID = [IDS[token] for token in ("turn", "Ġon", "Ġthe", "Ġreading", "Ġlamp", "<s>")]


@pytest.fixture
def drafter() -> Drafter:
    return Drafter(TOKENIZER)


def learn(drafter: Drafter, *answers: str) -> None:
    for answer in answers:
        drafter.begin([])
        for token in answer.split():
            drafter.add(IDS[token])


def drafted(drafter: Drafter, so_far: str, prompt: list[int] | None = None, count: int = 7) -> list[str]:
    drafter.begin(prompt or [])
    for token in so_far.split():
        drafter.add(IDS[token])
    return [VOCABULARY[token] for token in drafter.draft(count)]


def test_nothing_is_drafted_from_nothing(drafter: Drafter) -> None:
    assert drafted(drafter, "", SAID) == []


def test_an_answer_is_drafted_from_its_start(drafter: Drafter) -> None:
    learn(drafter, "{ reading }")
    assert drafted(drafter, "") == ["{", "reading", "}"]
    assert drafted(drafter, "", count=2) == ["{", "reading"]
    assert drafted(drafter, "", count=0) == []


def test_what_came_most_often_is_drafted_and_of_equals_the_latest(drafter: Drafter) -> None:
    learn(drafter, "{ reading", "{ lamp")
    assert drafted(drafter, "{", count=1) == ["lamp"]
    learn(drafter, "{ reading")
    assert drafted(drafter, "{", count=1) == ["reading"]


def test_longer_contexts_come_first(drafter: Drafter) -> None:
    learn(drafter, "turn { lamp", "on { reading", "on { reading")
    assert drafted(drafter, "turn {", count=1) == ["lamp"]


def test_words_are_copied_from_the_prompt_whatever_stands_before_them(drafter: Drafter) -> None:
    """'reading' begins a value, ' reading' a word of a sentence; ' The' is 'the'."""
    assert drafted(drafter, "{ reading", SAID) == ["Ġlamp", "<s>"]
    assert drafted(drafter, "{ ĠThe", SAID, count=2) == ["Ġreading", "Ġlamp"]
    assert drafted(drafter, "{ Ġ", SAID) == [], "a space alone is no word"


def test_the_place_with_most_equal_words_is_copied(drafter: Drafter) -> None:
    twice = [IDS[token] for token in ("Ġreading", "Ġon", "Ġlamp", "Ġthe", "Ġon", "turn", "<s>")]
    assert drafted(drafter, "{ on", twice, count=1) == ["Ġlamp"], "the first of equals"
    assert drafted(drafter, "Ġthe on", twice, count=1) == ["turn"]


def test_what_is_learned_stays_bounded(drafter: Drafter) -> None:
    for token in range(CONTEXTS):
        drafter.add(token)
    assert len(drafter._counts) <= CONTEXTS


def test_other_kinds_of_vocabularies() -> None:
    unigram = {"model": {"vocab": [["<s>", 0.0], ["▁lamp", -1.0], ["lamp", -2.0], ["▁on", -2.0]]}, "added_tokens": []}
    drafter = Drafter(unigram)
    drafter.begin([1, 3, 0])
    drafter.add(2)
    assert drafter.draft(1) == [3]


def counting(model: Model) -> list[int]:
    """Sizes of the calls that generate makes from now on."""
    sizes: list[int] = []
    read, verify = model._read, model.verify

    def one(token: int) -> Any:
        sizes.append(1)
        return read(token)

    def several(ids: Any) -> Any:
        sizes.append(len(ids))
        return verify(ids)

    model._read, model.verify = one, several  # type: ignore[method-assign]
    return sizes


@pytest.mark.parametrize("runner", ["interpreter", "compiled"])
def test_answers_are_those_without_drafts_and_take_fewer_calls(runner: RunnerKind) -> None:
    plain, quick = (Chat(PREBUILT, runner=runner, speculative=on) for on in (False, True))
    calls = {chat: counting(chat.model) for chat in (plain, quick)}
    for text in TEXTS:
        assert quick.answer(text).ids == plain.answer(text).ids, text
    tokens = sum(calls[plain])
    assert tokens == len(calls[plain]), "one token per call"
    assert len(calls[quick]) < tokens / 1.5


@pytest.mark.parametrize("make", [Sampler, lambda: Sampler(temperature=1.0, top_k=8, seed=3)])
def test_no_choice_depends_on_drafts(exported: Exported, make: Callable[[], Sampler]) -> None:
    """Random weights, a warm sampler, budgets of every size up to the window's end."""
    model = Model(exported.mobile / "student-fp32.tflite")
    contents = json.loads((exported.mobile / "tokenizer.json").read_text(encoding="utf-8"))
    drafter = Drafter(contents)
    prompt = [7, 8, 9]
    for count in (1, 2, 7, 8, 9, 30, WINDOW - len(prompt) + 1):
        model.reset()
        expected, kept = list(model.generate(prompt, count, {2}, make())), list(model.ids)
        for _ in range(2):
            model.reset()
            drafter.begin(prompt)
            assert list(model.generate(prompt, count, {2}, make(), drafter)) == expected
            assert model.ids == kept, "rejected draft tokens count as read"


class Wrong(Drafter):
    """Drafts nothing but one token, which the answer hasn't."""

    token = 0

    def draft(self, count: int) -> list[int]:
        return [self.token] * count


def test_an_answer_whose_drafts_are_rejected_goes_on_without(exported: Exported) -> None:
    model, wrong = Model(exported.mobile / "student-fp32.tflite"), Wrong(TOKENIZER)
    expected = list(model.generate([7], 30, (), Sampler()))
    wrong.token = next(token for token in range(model.vocab_size) if token not in expected)
    sizes = counting(model)
    model.reset()
    assert list(model.generate([7], 30, (), Sampler(), wrong)) == expected
    assert sizes == [8] * PATIENCE + [1] * (30 - PATIENCE)


def test_verify_gives_the_logits_of_decode_and_reads_nothing(exported: Exported) -> None:
    model = Model(exported.mobile / "student-fp32.tflite")
    model.prefill([5, 6, 7])
    together = model.verify([8, 9, 10])
    assert model.position == 3
    alone = np.stack([model.decode(token) for token in (8, 9, 10)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_verify_refuses_what_does_not_fit(exported: Exported) -> None:
    model = Model(exported.mobile / "student-fp32.tflite")
    with pytest.raises(ContextFullError, match="9 tokens cannot be verified"):
        model.verify([5] * 9)
    model.prefill([5] * (WINDOW - 7))
    with pytest.raises(ContextFullError, match="a call takes 1 to 8"):
        model.verify([5])


def test_an_answer_that_was_given_up_leaves_the_cache_as_it_was_read(exported: Exported) -> None:
    model = Model(exported.mobile / "student-fp32.tflite")
    drafter = Drafter(json.loads((exported.mobile / "tokenizer.json").read_text(encoding="utf-8")))
    for _ in range(2):
        model.reset()
        drafter.begin([7, 8])
        whole = list(model.generate([7, 8], 20, (), Sampler(), drafter))
    model.reset()
    drafter.begin([7, 8])
    answer = model.generate([7, 8], 20, (), Sampler(), drafter)
    assert [next(answer) for _ in range(3)] == whole[:3]
    answer.close()
    assert model.ids == [7, 8, *whole[:2]]
    assert int(model.decode(whole[2]).argmax()) == whole[3]


def test_the_cache_used_in_between_is_told(exported: Exported) -> None:
    model = Model(exported.mobile / "student-fp32.tflite")
    drafter = Drafter(json.loads((exported.mobile / "tokenizer.json").read_text(encoding="utf-8")))
    for _ in range(2):
        model.reset()
        drafter.begin([7, 8])
        list(model.generate([7, 8], 20, (), Sampler(), drafter))
    model.reset()
    drafter.begin([7, 8])
    answer = model.generate([7, 8], 20, (), Sampler(), drafter)
    next(answer)
    model.decode(5)
    with pytest.raises(ModelError, match="used for something else"):
        next(answer)


def test_a_file_that_answers_otherwise_fails_the_gate(exported: Exported) -> None:
    """verify_N of other weights: what a wrong mask or position in it would look like."""
    path = exported.mobile / "student-fp32.tflite"
    model = Model(path)
    drafter = Drafter(json.loads((exported.mobile / "tokenizer.json").read_text(encoding="utf-8")))
    asked = [[4, 5], [6, 7, 8]]
    assert speculative_gate("fp32", [model, Model(path, runner="compiled")], asked, [2], drafter).passed
    verify = model.verify
    model.verify = lambda ids: verify(ids) + 0.01  # type: ignore[method-assign]
    gate = speculative_gate("fp32", [model], asked, [2], drafter)
    assert gate.passed is False
    assert "differ by 0.01" in gate.message
    model.verify = lambda ids: -verify(ids)  # type: ignore[method-assign]
    gate = speculative_gate("int8", [model], asked, [2], drafter)
    assert gate.passed is False
    assert "with speculative decoding student-fp32.tflite answers" in gate.message


def test_the_prebuilt_files_have_the_signature_that_pays() -> None:
    """int4 with blocks has none: mobile/LOG.md."""
    assert Bundle(PREBUILT).variants["int8"]["signatures"].keys() >= {"verify_8"}
    assert not any(
        name.startswith("verify") for name in Bundle(PREBUILT.parent / "nano").variants["int4"]["signatures"]
    )


def test_the_self_test_sees_a_verify_that_computes_something_else(exported: Exported) -> None:
    quick, plain = (Chat(exported.mobile, "fp32", speculative=on) for on in (True, False))
    for chat in (quick, plain):
        chat.self_test()
        verify = chat.model.verify
        chat.model.verify = lambda ids, verify=verify: -verify(ids)  # type: ignore[method-assign]
    with pytest.raises(ModelError, match=r"verify_8 gives the ids.*speculative=False"):
        quick.self_test()
    plain.self_test()
