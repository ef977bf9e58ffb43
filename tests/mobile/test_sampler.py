"""The sampler's distribution against hand calculations."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from mobile.runtime import Sampler
from tests.mobile.conftest import REPOSITORY

LOGITS = np.log(np.array([0.15, 0.5, 0.1, 0.25])) + 3.0  # any constant may be added


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"temperature": 1.0}, [0.15, 0.5, 0.1, 0.25]),
        ({"temperature": 0.5}, [0.0225 / 0.345, 0.25 / 0.345, 0.01 / 0.345, 0.0625 / 0.345]),  # squares
        ({"temperature": 1.0, "top_k": 2}, [0.0, 2 / 3, 0.0, 1 / 3]),
        ({"temperature": 1.0, "top_p": 0.7}, [0.0, 2 / 3, 0.0, 1 / 3]),  # 0.5 is below 0.7, 0.75 reaches it
        ({"temperature": 1.0, "top_p": 0.4}, [0.0, 1.0, 0.0, 0.0]),
        ({"temperature": 1.0, "top_k": 3, "top_p": 0.8}, [0.0, 2 / 3, 0.0, 1 / 3]),  # 0.833 of the three reaches 0.8
        ({"temperature": 1.0, "top_k": 3, "top_p": 0.9}, [0.15 / 0.9, 0.5 / 0.9, 0.0, 0.25 / 0.9]),
    ],
)
def test_distribution(options: dict[str, float], expected: list[float]) -> None:
    np.testing.assert_allclose(Sampler(**options).probabilities(LOGITS), expected, atol=1e-12)  # type: ignore[arg-type]


def test_draws_follow_the_distribution_and_the_seed() -> None:
    draws = [Sampler(temperature=1.0, top_k=2, seed=5)] * 4000
    counts = np.bincount([sampler(LOGITS) for sampler in draws], minlength=4)
    assert counts[0] == counts[2] == 0
    assert abs(counts[1] - 4000 * 2 / 3) < 4 * np.sqrt(4000 * 2 / 9)
    first, again = Sampler(1.0, seed=7), Sampler(1.0, seed=7)
    assert [first(LOGITS) for _ in range(20)] == [again(LOGITS) for _ in range(20)]
    other = Sampler(1.0, seed=8)
    assert [first(LOGITS) for _ in range(40)] != [other(LOGITS) for _ in range(40)]


@pytest.mark.parametrize(
    ("uniform", "expected"), [(0.0, 1), (0.49, 1), (0.51, 3), (0.74, 3), (0.76, 0), (0.89, 0), (0.91, 2)]
)
def test_one_number_picks_along_the_running_sum(uniform: float, expected: int) -> None:
    assert Sampler(temperature=1.0).choose(LOGITS, uniform) == expected  # .5, .75, .9, 1
    assert Sampler(temperature=1.0, top_k=1).choose(LOGITS, uniform) == 1
    assert Sampler().choose(LOGITS, uniform) == 1


def test_the_last_number_below_one_picks_a_token() -> None:
    last = 1.0 - 2.0**-53  # the largest that NumPy draws
    assert Sampler(temperature=1.0).choose(np.array([-800.0, 0.0, -900.0]), last) == 1  # weights of 0 are not drawn
    assert Sampler(temperature=1.0).choose(np.array([0.0, 1.0]), last) == 0


def test_greedy_takes_the_first_of_equals() -> None:
    assert Sampler()(np.array([1.0, 3.0, 3.0])) == 1


@pytest.mark.parametrize("temperature", [1e-310, 1e-7])
def test_next_to_no_temperature_is_none(temperature: float) -> None:
    assert Sampler(temperature=temperature)(LOGITS * 1e30) == 1


@pytest.mark.parametrize(
    "options",
    [
        *({"temperature": value} for value in (-1.0, float("nan"), float("inf"))),
        {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.1}, {"top_p": float("nan")}, {"seed": -1},
    ],
)  # fmt: skip
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        Sampler(**options)  # type: ignore[arg-type]


def test_greedy_choices_leave_numpys_random_numbers_unloaded() -> None:
    """3 MB of an app's 80."""
    program = "import sys, numpy as np; from mobile.runtime.sampler import Sampler; Sampler()(np.zeros(3)); "
    done = subprocess.run(
        [sys.executable, "-c", program + "print('numpy.random' in sys.modules)"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"
