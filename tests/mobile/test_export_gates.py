"""Gates of the export: each passes on a right file and fails on a wrong one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mobile.export.agreement import Choices, Row, agreement_gate, read_rows
from mobile.export.estimate import estimate_bytes, matrix_sizes, require_fits
from mobile.export.gates import Gate, require_gates
from mobile.export.greedy import SureIds
from mobile.export.runtimes import compiled_gate, legacy_gate, litertlm_gate, prompts
from mobile.export.weights import Shape
from mobile.runtime import Model
from tests.mobile.conftest import WINDOW, Exported
from train.atomic import write_jsonl
from train.chat import ChatTokenizer
from train.errors import GateError, UserError

TEXTS = ["turn on the lamp", "open the door", "a", "what is it"]
ROWS = [Row("", [1], [5, 6, 2]), Row("", [1], [7, 2])]


@pytest.fixture
def tokenizer(exported: Exported) -> ChatTokenizer:
    return ChatTokenizer.load(exported.run / "data" / "tokenizer")


def test_official_runtime_answers_as_ours_does(
    exported: Exported, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundle's path is relative to a folder that is not the checkout, as runs/ is where a user starts."""
    monkeypatch.chdir(exported.mobile.parent)
    asked = prompts(TEXTS, tokenizer, WINDOW)
    model = Model(exported.mobile / "student-int8.tflite")
    bundle = Path(exported.mobile.name) / "student-int8.litertlm"
    gate = litertlm_gate(bundle, model, asked, tokenizer, [tokenizer.stop_id])
    assert gate.passed, gate.message
    assert gate.figures["prompts"] == len(TEXTS)
    assert gate.figures["characters"] >= 10  # the text before ties and broken characters is not empty


def test_official_runtime_with_another_model_fails_the_gate(exported: Exported, tokenizer: ChatTokenizer) -> None:
    other = Model(exported.untied / "untied.tflite")  # other weights, same vocabulary, a window of 16
    asked = {"a": [4, 5, 6]}
    gate = litertlm_gate(exported.mobile / "student-int8.litertlm", other, asked, tokenizer, [tokenizer.stop_id])
    assert gate.passed is False
    assert "LiteRT-LM answers" in gate.message


def test_broken_bundle_fails_the_gate_and_not_the_process(
    exported: Exported, tokenizer: ChatTokenizer, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.litertlm"
    broken.write_bytes((exported.mobile / "student-int8.litertlm").read_bytes()[:20_000])
    model = Model(exported.mobile / "student-int8.tflite")
    gate = litertlm_gate(broken, model, {"a": [4, 5]}, tokenizer, [2])
    assert gate.passed is False
    assert "ended with status" in gate.message


def test_compiled_model_gives_the_interpreters_ids(exported: Exported) -> None:
    asked = [[4], [5, 6, 7], list(range(10, 30))]
    for variant in ("fp32", "int8"):
        path = exported.mobile / f"student-{variant}.tflite"
        gate = compiled_gate(variant, Model(path), Model(path, runner="compiled"), asked, [2])
        assert gate.passed, gate.message
        assert gate.figures["ids"] > 3


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info[:2] > (3, 11), reason="tflite-runtime 2.14 has wheels up to Python 3.11")
def test_portable_runs_on_the_old_runtime_and_int8_does_not(offers: Path) -> None:
    """int8 loads there and gives zeros without an error (shared/ONDEVICE.md): the gate sees it."""
    asked = [[4], [5, 6, 7], list(range(10, 30))]
    good = legacy_gate(Model(offers / "mobile" / "student-portable.tflite"), asked)
    assert good.passed, good.message
    bad = legacy_gate(Model(offers / "mobile" / "student-int8.tflite"), asked)
    assert bad.passed is False


def test_sure_ids_allow_anything_after_a_tie() -> None:
    assert SureIds([1, 2], whole=False).agrees([1, 2, 9])
    assert not SureIds([1, 2], whole=False).agrees([1, 3])
    assert not SureIds([1, 2], whole=False).agrees([1])
    assert SureIds([1, 2], whole=True).agrees([1, 2])
    assert not SureIds([1, 2], whole=True).agrees([1, 2, 9])


def test_agreement_is_counted_by_token_and_score_by_row() -> None:
    choices = {"fp32": Choices([[5, 6, 2], [7, 3]]), "int8": Choices([[5, 6, 2], [8, 3]])}
    gate = agreement_gate("int8", ROWS, choices, {"int8": 0.8})
    assert gate.passed  # 4 of 5 tokens as fp32; row 1 of 2 right in both
    assert gate.figures["top1_agreement"]["value"] == 0.8
    assert (gate.figures["exact"]["value"], gate.figures["exact_fp32"]["value"]) == (0.5, 0.5)
    assert agreement_gate("int8", ROWS, choices, {"int8": 0.81}).passed is False


def test_score_outside_the_interval_of_fp32_fails() -> None:
    """fp32 right on 30 of 30 rows: Wilson's lower end is 88.6 %; 26 of 30 are below it, 27 of 30 are not."""
    rows = [Row("", [1], [5])] * 30
    right, wrong = [5], [6]
    for number, passed in ((26, False), (27, True)):
        choices = {"fp32": Choices([right] * 30), "int8": Choices([right] * number + [wrong] * (30 - number))}
        assert agreement_gate("int8", rows, choices, {"int8": 0.0}).passed is passed


def test_rows_are_split_before_the_last_answer(tokenizer: ChatTokenizer, tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "open"}, {"role": "assistant", "content": "door"}]
    path = tmp_path / "val.jsonl"
    twice = [*messages, {"role": "user", "content": "a" * 20}, messages[1]]
    path.write_text("\n".join(json.dumps({"messages": some}) for some in (messages, twice, twice * 9)))
    single, double = read_rows(path, tokenizer, 3, window=150)  # the third is longer than the window
    assert single == Row("open", tokenizer.prompt(messages[:1]), [*tokenizer.text("door"), tokenizer.stop_id])
    assert (double.question, double.prompt, double.answer) == ("", tokenizer.prompt(twice[:3]), single.answer)
    assert read_rows(tmp_path / "none.jsonl", tokenizer, 3, 60) == []
    assert agreement_gate("int8", [], {}, {}).passed is None


def test_a_row_may_hold_any_character_that_unicode_ends_a_line_with(tokenizer: ChatTokenizer, tmp_path: Path) -> None:
    """JSON escapes the line feed, but not U+0085, U+2028 and U+2029."""
    messages = [{"role": "user", "content": "a\u2028b\u2029c\u0085d"}, {"role": "assistant", "content": "door"}]
    write_jsonl(tmp_path / "val.jsonl", [{"messages": messages}] * 2)
    assert [row.question for row in read_rows(tmp_path / "val.jsonl", tokenizer, 3, 150)] == [
        messages[0]["content"]
    ] * 2


def test_failed_gates_are_all_named_and_missing_ones_pass() -> None:
    require_gates([Gate("one", True, {}), Gate("two", None, {}, "not run: …")])
    with pytest.raises(GateError, match=r"failed 2 of 3 gates(.|\n)*a: bad(.|\n)*c: worse"):
        require_gates([Gate("a", False, {}, "bad"), Gate("b", True, {}), Gate("c", False, {}, "worse")])


def test_estimate_is_the_size_of_the_files() -> None:
    """Bytes of the small student as exported on 2026-11-27 (7,267,392 weights, prefill 8 and 64, verify 8, window
    160; int4 without verify)."""
    shape = Shape(1472, 576, 416, 4, 9, 3, 64, 1e5, 1e-5, True)
    measured = {"fp32": 29_237_240, "int8": 7_525_440, "int4": 4_242_912, "portable": 7_531_632}
    assert matrix_sizes(shape)[0] + 9 * 576 == 7_267_392
    estimate = estimate_bytes(shape, [8, 64], 160, ["int8", "int4", "portable"], verify=8)
    assert set(estimate) == set(measured)
    for variant, size in measured.items():
        assert abs(estimate[variant] / size - 1) < 0.01, variant


def test_estimate_of_int4_with_a_scale_a_row() -> None:
    """Bytes of the same student; a scale a row is kept once, whatever the number of signatures."""
    shape = Shape(1472, 576, 416, 4, 9, 3, 64, 1e5, 1e-5, True)
    assert abs(estimate_bytes(shape, [8, 64], 160, ["int4"], None, 8)["int4"] / 3_894_336 - 1) < 0.01


def test_two_gigabytes_are_refused_early() -> None:
    """Llama 3.2 1B: 1.24 billion weights, 4.9 GB in float32; SmolLM2-360M: 1.45 GB."""
    large = Shape(128_256, 2048, 8192, 16, 32, 8, 64, 5e5, 1e-5, True)
    estimate = estimate_bytes(large, [8, 64], 512, ["int8"])
    assert 4.9e9 < estimate["fp32"] < 5.0e9
    with pytest.raises(UserError, match=r"4\.9 GB"):
        require_fits(estimate)
    small = Shape(49_152, 960, 2560, 32, 15, 5, 64, 1e5, 1e-5, True)
    require_fits(estimate_bytes(small, [8, 64], 512, ["int8"]))
