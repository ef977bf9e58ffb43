"""Two runs on the same rows: figures worked out by hand, verdicts, differences of the configs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from eval.compare import compare_runs
from eval.paired import pair
from tests.eval.golden import write_golden
from train.errors import UserError
from train.intervals import rows_needed


def sample(number: int, exact: bool, text: str = "") -> dict[str, Any]:
    name = {"set": "t3", "id": f"t3-{number}", "utterance": f"row {number}{text}", "expected": "x"}
    return {**name, "score": {"exact": exact}}


def change(run: Path, engine: str, right: dict[int, bool]) -> None:
    path = run / "eval" / "samples" / f"{engine}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for number, exact in right.items():
        rows[number]["score"]["exact"] = exact
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    for name, alpha in (("a", 0.5), ("b", 0.9)):
        write_golden(tmp_path / name)
        (tmp_path / name / "config.yaml").write_text(
            f"name: {name}\nseed: 1\ndistill: {{alpha: {alpha}, top_k: 16}}\neval: {{sets: {{t3: 20}}}}\n"
        )
    return tmp_path / "a", tmp_path / "b"


def test_figures_and_verdicts(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    a, b = runs
    change(a, "student-keras", dict.fromkeys(range(5, 15), False))  # 10 right → 6 right in A
    found = compare_runs(a, b)
    keras = found["engines"]["student-keras"]
    assert (keras["n"], keras["only_first"], keras["only_second"]) == (20, 10, 0)
    assert keras["difference"] == 0.5
    assert keras["p"] == pytest.approx(2 * 0.5**10)
    assert keras["better"] == "B"
    assert (round(keras["low"], 3), round(keras["high"], 3)) == (0.258, 0.701)  # Wilson's of 10 of 20 ends at 70.1 %
    assert keras["verdict"].startswith("B is better by 50.0 points (95 % interval +")
    assert keras["verdict"].endswith("+70.1 on 20 rows, p = 0.002).")
    same = found["engines"]["teacher-eager"]
    assert (same["difference"], same["better"]) == (0.0, None)
    assert same["verdict"].startswith("the same rows are right in both")
    assert found["config"] == {"distill.alpha": [0.5, 0.9]}, "where a run lies is no difference"
    assert "Set otherwise" in capsys.readouterr().out
    assert compare_runs(b, a)["engines"]["student-keras"]["better"] == "A"


def test_few_discordant_rows_cannot_tell(runs: tuple[Path, Path]) -> None:
    a, b = runs
    change(b, "student-tflite-int8", {2: True, 3: True, 10: False})
    line = compare_runs(a, b)["engines"]["student-tflite-int8"]
    assert line["better"] is None
    assert line["p"] == 1.0  # two against one
    assert line["verdict"].startswith("can't tell: B is +5.0 points")
    # 3.5 of 20.5 rows discordant; Connor's formula, with the normal quantiles as printed in tables.
    psi, delta = 3.5 / 20.5, 0.02
    by_hand = ((1.959964 * math.sqrt(psi) + 0.841621 * math.sqrt(psi - delta**2)) / delta) ** 2
    assert line["rows_for_2_points"] == math.ceil(by_hand)
    assert f"about {line['rows_for_2_points']:,} rows" in line["verdict"]


def test_rows_of_other_data_are_not_paired() -> None:
    ours = [sample(0, True), sample(1, True), sample(2, False)]
    theirs = [sample(0, False), sample(1, False, " reworded"), sample(3, True)]
    found = pair(ours, theirs, "t3")
    assert found is not None
    assert (found.n, found.only_first, found.only_second) == (1, 1, 0)
    assert pair(ours, theirs, "none") is None


def test_nothing_in_common_is_said(runs: tuple[Path, Path]) -> None:
    a, b = runs
    for path in (b / "eval" / "samples").glob("*.jsonl"):
        path.write_text(path.read_text().replace("row ", "sentence "))
    with pytest.raises(UserError, match=r"no common rows of the set 't3'.*the same data section and seed"):
        compare_runs(a, b)
    with pytest.raises(
        UserError, match=r"no common rows of the set 'g7' .*sets of both: none, t3; another is chosen by --set"
    ):
        compare_runs(a, a, "g7")


@pytest.mark.parametrize(("text", "said"), [("name: [a\n", "is not valid YAML"), ("- a\n", "it holds no sections")])
def test_a_damaged_config_is_named(runs: tuple[Path, Path], text: str, said: str) -> None:
    a, b = runs
    (b / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"b/config\.yaml.*{said}"):
        compare_runs(a, b)


@pytest.mark.parametrize(("points", "rows"), [(5, 196), (3, 547), (2, 1234)])
def test_rows_needed_one_sided(points: int, rows: int) -> None:
    """Published example figures for 8 % discordant rows: Connor (1987), 5 % one-sided, power 80 %."""
    assert rows_needed(points / 100, 0.08, sides=1) == pytest.approx(rows, abs=1)


def test_rows_needed_keeps_its_promise() -> None:
    """The power of the test at that many rows, summed over all outcomes: 8 % against 3 % of rows lost and won."""
    lost, won = 0.08, 0.03
    n = rows_needed(lost - won, lost + won)
    power = 0.0
    for discordant in range(n + 1):
        chance = math.comb(n, discordant) * (lost + won) ** discordant * (1 - lost - won) ** (n - discordant)
        if chance < 1e-12:
            continue
        share = lost / (lost + won)
        for k in range(discordant + 1):
            # McNemar without continuity correction, which the formula is for: (b - c)^2 / (b + c) > 1.96^2.
            if discordant and (2 * k - discordant) ** 2 / discordant > 3.8415:
                power += chance * math.comb(discordant, k) * share**k * (1 - share) ** (discordant - k)
    assert power == pytest.approx(0.8, abs=0.02)


def test_rows_needed_for_no_difference() -> None:
    with pytest.raises(ValueError, match="difference of 0"):
        rows_needed(0.0, 0.1)
