"""Scorers on hand-made answers; intervals against formulas worked out here."""

from __future__ import annotations

import math

import pytest
from scipy.optimize import minimize_scalar

from train.errors import UserError
from train.intervals import mcnemar, median_ratio, paired_difference, wilson
from train.metrics import SCORERS, Call, parse_call, same_call, score_call, score_choice, score_contains, score_exact

ON = '{"name":"HassTurnOn","arguments":{"area":"kitchen","domain":"light"}}'
NONE = '{"name":null,"arguments":{}}'
SAY = "turn on the kitchen light"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kitchen",
        "null",
        "[1]",
        '{"name":"A"}',
        '{"name":"A","arguments":{},"id":1}',
        '{"name":1,"arguments":{}}',
        '{"name":"A","arguments":[]}',
        '{"name":"A","name":"B","arguments":{}}',
        '{"name":"A","arguments":{"a":NaN}}',
        ON + "}",
        ON + ON,
        "Sure: " + ON,
        '{"name":"A","arguments":{"a":' + "[" * 100_000,
    ],
)
def test_what_is_no_call(text: str) -> None:
    assert parse_call(text) is None


def test_parsed_call() -> None:
    assert parse_call(f"  {ON}\n") == Call("HassTurnOn", {"area": "kitchen", "domain": "light"})
    assert parse_call(NONE) == Call(None, {})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 20, "b": 1}, {"b": 1, "a": 20.0}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": {"b": None}}, {"a": {"b": None}}, True),
        ({"a": 1}, {}, False),
    ],
)
def test_equality_is_that_of_json(one: dict[str, object], other: dict[str, object], same: bool) -> None:
    assert same_call(Call("F", one), Call("F", other)) is same


@pytest.mark.parametrize(
    ("answer", "expected", "stopped", "error", "intent", "keys", "valid"),
    [
        (ON, ON, True, "none", True, True, True),
        (
            '{ "arguments": {"domain":"light", "area":"kitchen"}, "name":"HassTurnOn" }',
            ON,
            True,
            "none",
            True,
            True,
            True,
        ),
        (ON.replace("kitchen", "hall"), ON, True, "wrong_argument", True, True, True),
        ('{"name":"HassTurnOn","arguments":{"area":"kitchen"}}', ON, True, "wrong_argument", True, False, True),
        (ON.replace("TurnOn", "TurnOff"), ON, True, "wrong_function", False, False, True),
        (NONE, ON, True, "missing_call", False, False, True),
        (ON, NONE, True, "false_call", False, False, True),
        (NONE, NONE, True, "none", True, True, True),
        (ON[:-1], ON, True, "bad_json", False, False, False),
        ("I can't do that.", ON, True, "bad_json", False, False, False),
        ("Sure! " + ON, ON, True, "extra_text", False, False, False),
        (ON + " Done.", ON, True, "extra_text", False, False, False),
        (ON, ON, False, "never_stopped", True, True, True),
    ],
)
def test_call_scorer(
    answer: str, expected: str, stopped: bool, error: str, intent: bool, keys: bool, valid: bool
) -> None:
    score = score_call(answer, expected, SAY, stopped)
    assert (score.error, score.intent, score.argument_keys, score.valid_json) == (error, intent, keys, valid)
    assert score.exact is (error == "none")
    assert score.ended_by_stop is stopped


def test_false_call_is_asked_only_where_none_applies() -> None:
    assert score_call(ON, ON, SAY).false_call is None
    assert score_call(ON, NONE, SAY).false_call is True
    assert score_call(NONE, NONE, SAY).false_call is False
    assert score_call("hello", NONE, SAY).false_call is False


@pytest.mark.parametrize(
    ("value", "invented"),
    [("Desk  Lamp", False), ("desk", False), ("floor lamp", True), (7, False)],
)
def test_invented_value_is_not_in_the_utterance(value: object, invented: bool) -> None:
    import json

    expected = '{"name":"HassTurnOn","arguments":{"name":"desk lamp"}}'
    answer = json.dumps({"name": "HassTurnOn", "arguments": {"name": value}})
    assert score_call(answer, expected, "Switch on the DESK lamp", True, {"name"}).invented is invented
    assert score_call(answer, expected, "Switch on the DESK lamp", True, ()).invented is None
    other = '{"name":"HassTurnOn","arguments":{"area":"hall"}}'
    assert score_call(other, other, "Switch on the hall", True, {"name"}).invented is None, "a row without open values"
    assert score_call(answer, other, "Switch on the DESK lamp", True, {"name"}).invented is invented


def test_expected_value_is_never_invented() -> None:
    expected = '{"name":"HassTurnOn","arguments":{"name":"TV"}}'
    assert score_call(expected, expected, "the television, please", True, {"name"}).invented is False


def test_text_scorers() -> None:
    assert score_exact(" Paris\n", "Paris", "").exact
    assert not score_exact("paris", "Paris", "").exact
    assert score_contains("It is PARIS.", "paris", "").exact
    assert score_contains("It is Rome.", "paris", "").error == "wrong_text"
    assert score_contains("512", "12", "").error == score_contains("I don't know", "no", "").error == "wrong_text"
    assert score_contains("It costs 12.", "12", "").exact
    assert score_contains("答えは東京です。", "東京", "").exact, "no spaces between words"


def test_a_call_with_words_around_it_is_a_false_call() -> None:
    """Exact it is not, but an app that looks for a call would carry it out."""
    nothing = '{"name":null,"arguments":{}}'
    found = score_call('Sure: {"name":"HassTurnOn","arguments":{}}', nothing, "what a day", True)
    assert (found.exact, found.false_call, found.error) == (False, True, "extra_text")
    assert score_call("What a day indeed", nothing, "what a day", True).false_call is False
    assert score_exact("Paris", "Paris", "", False).error == "never_stopped"
    assert score_exact("Paris", "Paris", "").valid_json is None
    assert set(SCORERS) == {"call", "exact", "contains", "choice"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("B", "none"),
        ("(b).", "none"),
        ("The answer is B", "none"),
        ("A", "wrong_text"),
        ("A or B", "no_choice"),
        ("Because", "no_choice"),
        ("", "no_choice"),
    ],
)
def test_choice_names_one_of_the_choices(answer: str, error: str) -> None:
    found = score_choice(answer, "B", "", choices=["A", "B", "C"])
    assert (found.error, found.exact) == (error, error == "none")


def test_choice_takes_the_longest_name_and_needs_an_end() -> None:
    assert score_choice("switch off", "switch off", "", choices=["off", "switch off"]).exact
    assert score_choice("switch off", "off", "", choices=["off", "switch off"]).error == "wrong_text"
    assert score_choice("B", "B", "", False, choices=["A", "B"]).error == "never_stopped"
    with pytest.raises(UserError, match="'D' is not among the choices"):
        score_choice("A", "D", "", choices=["A", "B"])


def test_expected_answer_that_is_no_call_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match=r"eval\.scorer"):
        score_call(ON, "Paris", SAY)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (247, 300)])
def test_wilson_is_the_closed_formula(k: int, n: int) -> None:
    z, p = 1.959963984540054, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    found = wilson(k, n)
    assert found.value == p
    assert found.low == pytest.approx(max(0.0, middle - half), abs=1e-9)
    assert found.high == pytest.approx(min(1.0, middle + half), abs=1e-9)


def test_wilson_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="0 of 0"):
        wilson(0, 0)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 9), (9, 1), (5, 5), (12, 3)])
def test_mcnemar_is_the_two_sided_sign_test(b: int, c: int) -> None:
    n = b + c
    tail = sum(math.comb(n, i) for i in range(min(b, c) + 1)) / 2**n
    assert mcnemar(b, c) == pytest.approx(min(1.0, 2 * tail) if n else 1.0)


def likeliest_score(delta: float, only_first: int, only_second: int, n: int) -> float:
    """Score of a difference; its nuisance share is found by a search, where Tango (1998) has a formula."""

    def loss(share: float) -> float:
        parts = (
            (only_first, share + delta),
            (only_second, share),
            (n - only_first - only_second, 1 - delta - 2 * share),
        )
        return -sum(count * math.log(max(part, 1e-300)) for count, part in parts if count)

    bounds = (max(0.0, -delta), (1 - delta) / 2)
    share = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x
    return float((only_first - only_second - n * delta) / math.sqrt(n * (2 * share + delta * (1 - delta))))


@pytest.mark.parametrize(
    ("b", "c", "n"), [(12, 2, 50), (1, 0, 3), (0, 0, 140), (0, 4, 10), (3, 0, 300), (5, 5, 30), (20, 0, 20), (1, 0, 1)]
)
def test_paired_difference_is_what_a_score_test_does_not_reject(b: int, c: int, n: int) -> None:
    found = paired_difference(b, c, n)
    assert found.value == pytest.approx((b - c) / n)
    for end, score in ((found.low, 1.959964), (found.high, -1.959964)):
        if abs(end) < 1:
            assert likeliest_score(end, b, c, n) == pytest.approx(score, abs=1e-5)
    mirrored = paired_difference(c, b, n)
    assert (mirrored.low, mirrored.high) == (pytest.approx(-found.high), pytest.approx(-found.low))


def test_paired_difference_of_equal_answers_is_wilsons() -> None:
    found = paired_difference(0, 0, 140)
    assert found.high == pytest.approx(wilson(0, 140).high)
    assert found.low == pytest.approx(-wilson(0, 140).high)
    # Published example: 12 and 2 discordant of 50 pairs, 20.0 % [6.1; 34.5] (Newcombe 1998, Tango's method).
    published = paired_difference(12, 2, 50)
    assert (round(published.low, 3), round(published.high, 3)) == (0.061, 0.345)


def test_paired_difference_is_right_as_often_as_it_says() -> None:
    """All outcomes of 40 rows of which 10 % are lost and 4 % won: how often the interval holds the true 6 points."""
    n, lost, won, held = 40, 0.10, 0.04, 0.0
    for b in range(n + 1):
        for c in range(n + 1 - b):
            chance = math.comb(n, b) * math.comb(n - b, c) * lost**b * won**c * (1 - lost - won) ** (n - b - c)
            if chance > 1e-9 and (found := paired_difference(b, c, n)).low <= lost - won <= found.high:
                held += chance
    assert 0.93 < held < 0.99


@pytest.mark.parametrize("counts", [(0, 0, 0), (-1, 0, 3), (2, 2, 3)])
def test_rows_that_cannot_be_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least one and hold the others"):
        paired_difference(*counts)


def test_median_ratio_is_how_many_times_faster() -> None:
    found = median_ratio([1.0, 2.0, 1.0, 4.0, 1.0], [2.0, 4.0, 3.0, 8.0, 1.0])
    assert found.value == 2.0
    assert found.low >= 1.0
    assert found.high <= 3.0
    assert median_ratio([2.0], [1.0]).value == 0.5
