"""The contract's files: current, and right by other means than the code that made them."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="needs the extra 'mobile'")
pytest.importorskip("jsonschema", reason="needs the extra 'dev'")

import jsonschema

from mobile.contract.__main__ import main
from mobile.contract.constraint_vectors import made_up_logits
from mobile.contract.damaged_vectors import copied, damage
from mobile.contract.golden_vectors import golden_vectors
from mobile.contract.prebuilt import Prebuilt
from mobile.contract.vector_files import BUILDERS, COMMAND, VECTORS, read_vectors, stale_vectors
from mobile.runtime import Chat, ModelError
from mobile.runtime.bundle import Bundle
from tests.mobile.conftest import Exported
from train.chat import ChatTokenizer, content_text

CONTRACT = VECTORS.parent
PREBUILT = Prebuilt()
VALIDATOR = jsonschema.Draft202012Validator(json.loads((CONTRACT / "bundle.schema.json").read_text(encoding="utf-8")))


NOTHING_SAID = {"function": None, "arguments": {}, "corrected": [], "questions": [], "argument": None}


def bundle_values() -> Any:
    return json.loads((PREBUILT.folder / "bundle.json").read_text(encoding="utf-8"))


def vectors(name: str, part: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = read_vectors(name)[part]
    return cases


@pytest.mark.parametrize("name", [name for name in BUILDERS if name != "golden"])
def test_vectors_are_current(name: str) -> None:
    assert stale_vectors(PREBUILT, [name]) == [], f"out of date; if that is meant, run: {COMMAND} {name}"


def test_golden_answers_are_current() -> None:
    ours, kept = golden_vectors(PREBUILT, 10), read_vectors("golden")
    assert len(kept["cases"]) == 50
    message = f"out of date; if that is meant, run: {COMMAND} golden"
    assert ours["inputs"] == kept["inputs"], message
    for case, known in zip(ours["cases"], kept["cases"], strict=False):
        for mode in ("off", "schema", "substrings"):  # margins differ with the processor
            assert case[mode]["ids"] == known[mode]["ids"], f"{case['text']!r}, {mode}: {message}"


def test_files_are_small_ascii_and_complete() -> None:
    assert {path.stem for path in VECTORS.glob("*.json")} == set(BUILDERS)
    assert sum(path.stat().st_size for path in VECTORS.iterdir()) < 1_500_000
    for path in VECTORS.iterdir():
        assert path.read_bytes().isascii()
    readme = (CONTRACT / "README.md").read_text(encoding="utf-8")
    assert all(f"vectors/{name}.json" in readme for name in BUILDERS)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--out", str(tmp_path), "--check"]) == 3
    assert main(["plan", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "plan.json").read_bytes() == (VECTORS / "plan.json").read_bytes()
    assert main(["plan", "--out", str(tmp_path), "--check"]) == 0
    (tmp_path / "plan.json").write_text("{}")
    assert main(["plan", "--out", str(tmp_path), "--check"]) == 3
    assert "Run: python -m mobile.contract plan" in capsys.readouterr().err
    assert main(["plans"]) == 2
    assert main(["stream", "--folder", str(tmp_path), "--out", str(tmp_path)]) == 2


# bundle.json -------------------------------------------------------------------------------------------------------


def test_schema_takes_bundles(exported: Exported) -> None:
    VALIDATOR.check_schema(VALIDATOR.schema)
    VALIDATOR.validate(bundle_values())
    VALIDATOR.validate(json.loads((exported.mobile / "bundle.json").read_text(encoding="utf-8")))


def test_schema_takes_every_offer(offers: Path) -> None:
    """All variants, a teacher with rotary scaling, gates that could not be run."""
    bundles = [json.loads(path.read_text(encoding="utf-8")) for path in offers.rglob("bundle.json")]
    assert len(bundles) == 2
    for bundle in bundles:
        VALIDATOR.validate(bundle)


CHANGES: dict[str, Callable[[Any], Any]] = {
    "future format": lambda b: b.update(format_version=2),
    "no format": lambda b: b.pop("format_version"),
    "new key": lambda b: b.update(extra=1),
    "no window": lambda b: b.pop("window"),
    "window a float": lambda b: b.update(window=160.5),
    "no stop id": lambda b: b.update(stop_ids=[]),
    "stop id negative": lambda b: b.update(stop_ids=[-1]),
    "prefill twice": lambda b: b.update(prefill=[8, 8]),
    "no variants": lambda b: b.update(variants={}),
    "variant of another kind": lambda b: b["variants"].update(int2=b["variants"]["int8"]),
    "no decode": lambda b: b["variants"]["int8"]["signatures"].pop("decode"),
    "decode without logits": lambda b: b["variants"]["int8"]["signatures"]["decode"]["outputs"].pop("logits"),
    "input of another name": lambda b: b["variants"]["int8"]["signatures"]["decode"]["inputs"].update(args_0=3),
    "no mask": lambda b: b["variants"]["int8"]["signatures"]["prefill_8"]["inputs"].pop("mask"),
    "file outside": lambda b: b["variants"]["int8"].update(file="../student.tflite"),
    "hash too short": lambda b: b["files"]["tokenizer.json"].update(sha256="abc"),
    "no tokenizer": lambda b: b["files"].pop("tokenizer.json"),
    "failed gate": lambda b: b["gates"]["int8"].update(passed=False),
    "int4 in spite of its gate": lambda b: (
        b["gates"].update(int4={"passed": False}),
        b["variants"].update(int4=b["variants"]["int8"]),
    ),
    "golden without ids": lambda b: b["golden"].update(prompt_ids=[]),
    "unknown role": lambda b: b["golden"]["messages"][0].update(role="tool"),
    "shape without heads": lambda b: b["model"].pop("num_attention_heads"),
    "constrain unknown": lambda b: b.update(constrain="guess"),
    "tools elsewhere": lambda b: b.update(tools_file="functions.json"),
    "int4 block unknown": lambda b: b.update(int4_block=16),
}


@pytest.mark.parametrize("change", CHANGES)
def test_schema_refuses_changed_bundles(change: str) -> None:
    values = copy.deepcopy(bundle_values())
    CHANGES[change](values)
    assert not VALIDATOR.is_valid(values)


@pytest.mark.parametrize("case", vectors("damaged", "cases"), ids=lambda case: case["name"])
def test_damaged_folders_are_refused(case: dict[str, Any], tmp_path: Path) -> None:
    folder = copied(PREBUILT, tmp_path / "mobile")
    damage(folder, case["edits"])
    if case["found_by"] == "bundle":
        with pytest.raises(ModelError):
            Bundle(folder)
        return
    Bundle(folder)
    with pytest.raises(ModelError, match="sha256" if case["found_by"] == "hash" else "bundle.json says"):
        Chat(folder)


def test_an_intact_copy_is_taken(tmp_path: Path) -> None:
    chat = Chat(copied(PREBUILT, tmp_path / "mobile"))
    model = read_vectors("damaged")["model"]
    assert (chat.model.window, chat.model.vocab_size, chat.model.buckets) == tuple(model.values())


def test_a_golden_prompt_may_have_no_sure_id(tmp_path: Path) -> None:
    """The very first was close to a tie: there is less to test, and nothing is damaged."""
    folder = copied(PREBUILT, tmp_path / "mobile")
    damage(folder, [{"op": "set", "path": ["golden", "first_ids", "int8"], "value": []}])
    assert Chat(folder).self_test()["ids_checked"] == 0


# Text and ids ------------------------------------------------------------------------------------------------------


def spelled(ids: list[int]) -> bytes:
    return b"".join(PREBUILT.constraints["schema"].tokens.get(token, b"") for token in ids)


def test_user_text_never_becomes_a_special_token_and_keeps_its_bytes() -> None:
    encode, special = vectors("tokenizer", "encode"), set(read_vectors("tokenizer")["special"])
    assert len({case["text"] for case in encode}) == 500
    assert sum("<|im_end|>" in case["text"] for case in encode) >= 10
    known = {byte for token in PREBUILT.constraints["schema"].tokens.values() for byte in token}
    for case in encode:
        assert special.isdisjoint(case["ids"])
        assert spelled(case["ids"]) == bytes(byte for byte in case["text"].encode() if byte in known)


def test_ids_to_text_is_utf_8_with_replacement() -> None:
    malformed = 0
    for case in vectors("tokenizer", "decode"):
        assert case["text"] == spelled(case["ids"]).decode("utf-8", "replace")  # Python's own decoder
        malformed += "\ufffd" in case["text"]
    assert malformed >= 10


def test_prompts_are_those_of_training() -> None:
    trained = ChatTokenizer((PREBUILT.folder / "tokenizer.json").read_text(encoding="utf-8"))
    errors = []
    for case in vectors("chat_template", "cases"):
        if "ids" in case:
            assert trained.prompt(case["messages"]) == case["ids"]
        else:
            errors.append(case["error"])
            blank = not re.search(r"\S", "".join(content_text(message["content"]) for message in case["messages"]))
            assert case["error"] == ("empty" if blank else "role")
    assert errors.count("empty") >= 4
    assert errors.count("role") == 3


def test_streams_hold_back_half_characters() -> None:
    cut = 0
    for case in vectors("stream", "streams"):
        held = b""
        for token, piece in zip(case["ids"], case["pieces"], strict=True):
            held += spelled([token])
            text = held.decode("utf-8", "replace")
            given = "" if text.endswith("\ufffd") else text
            assert piece == given
            held = held if given == "" else b""
        assert case["rest"] == held.decode("utf-8", "replace")
        cut += case["rest"] != ""
    assert cut >= 3


def test_answers_end_as_the_model_ends_them() -> None:
    model, stop_ids = PREBUILT.chat.model, read_vectors("stream")["stop_ids"]
    for case in vectors("stream", "answers"):
        model.reset()
        proposed = iter(case["proposed"])
        ids = list(model.generate([1], case["max_new_tokens"], stop_ids, lambda _, left=proposed: next(left)))
        assert ids == case["ids"]
        assert case["text"] == spelled(ids).decode("utf-8", "replace")
        assert case["stopped"] == (len(ids) < case["max_new_tokens"])


# Choices -----------------------------------------------------------------------------------------------------------


def chosen(case: dict[str, Any]) -> int:
    """The rule of the README, word for word."""
    logits = [-math.inf if value == "-inf" else value for value in case["logits"]]
    if case["temperature"] < 1e-6:
        return logits.index(max(logits))
    order = sorted(range(len(logits)), key=lambda token: (-logits[token], token))[: case["top_k"] or None]
    weights = [math.exp((logits[token] - logits[order[0]]) / case["temperature"]) for token in order]
    kept: list[float] = []
    for weight in weights:
        if kept and math.fsum(kept) / math.fsum(weights) >= case["top_p"]:
            break
        kept.append(weight)
    drawn = case["u"] * math.fsum(kept)
    return next(order[at] for at in range(len(kept)) if math.fsum(kept[: at + 1]) > drawn)


def test_sampler_follows_the_rule() -> None:
    cases = vectors("sampler", "cases")
    assert [chosen(case) for case in cases] == [case["id"] for case in cases]
    assert len(cases) > 200
    assert len({case["id"] for case in cases}) > 8
    assert all(np.float32(value) == value for case in cases for value in case["logits"] if value != "-inf")


def test_plans_cover_the_prompt_and_stay_in_the_window() -> None:
    refused = 0
    for case in vectors("plan", "cases"):
        fits = case["position"] + case["count"] <= case["window"]
        assert ("error" in case) != fits
        refused += not fits
        done = 0
        for start, count, position, bucket in case.get("chunks", []):
            assert (start, position) == (done, case["position"] + done)
            assert 1 <= count <= bucket
            assert bucket in {1, *case["buckets"]}
            assert position + bucket <= case["window"]
            done += count
        assert "error" in case or done == case["count"]
    assert refused > 10


def test_allowed_ids_by_trying_each_token() -> None:
    """Without the trie: every token of the vocabulary is followed by itself."""
    lists = 0
    for case in vectors("constraint", "cases")[::5]:
        rules = PREBUILT.constraints[case["mode"]]
        state: Any = rules.automaton.start(case["text"])
        for token in case["ids"]:
            state = rules.after(state, token)
        allowed = [token for token in range(rules.vocab_size) if rules.after(state, token)]
        allowed = sorted([*allowed, *(rules.stop_ids if case["complete"] else [])])
        assert len(allowed) == case["count"]
        assert case.get("allowed", allowed) == allowed
        lists += "allowed" in case
        assert case["complete"] == (spelled(case["ids"])[-1:] == b"}" and allowed == rules.stop_ids)
    assert lists > 10


def schema_of(function: str) -> Any:
    return next(tool["parameters"] for tool in PREBUILT.tools if tool["name"] == function)


def test_walks_and_constrained_answers_are_valid_calls() -> None:
    """By a JSON-schema library, which knows nothing of our grammar."""
    walks = vectors("constraint", "walks")
    golden = [case[mode] for case in vectors("golden", "cases") for mode in ("schema", "substrings")]
    whole = [case for case in [*walks, *golden] if case["stopped"]]
    assert sum(case["stopped"] for case in walks) > 40
    assert len(whole) > 130
    for case in whole:
        call = json.loads(spelled(case["ids"]))
        if call["name"] is not None:
            jsonschema.validate(call["arguments"], schema_of(call["name"]))
    for case in walks:
        assert len(case["ids"]) + case["stopped"] <= case["max_new_tokens"]


def test_walks_are_squeezed_where_the_budget_changed_them() -> None:
    """Against the best legal token of each step, without a budget."""
    squeezed = 0
    for case in vectors("constraint", "walks"):
        rules = PREBUILT.constraints[case["mode"]]
        state: Any = rules.automaton.start(case["text"])
        unlimited: list[int] = []
        while not state.final:
            logits = made_up_logits(rules.vocab_size, len(unlimited), case["seed"])
            unlimited.append(int(np.argmax(np.where(rules.mask(state), logits, -np.inf))))
            state = rules.after(state, unlimited[-1])
        unlimited += rules.stop_ids
        said = [*case["ids"], *(rules.stop_ids if case["stopped"] else [])]
        assert case["squeezed"] == (said != unlimited[: len(said)])
        squeezed += case["squeezed"] and case["stopped"]
    assert squeezed > 10


def test_an_answer_that_was_cut_off_is_refused_and_another_is_its_text() -> None:
    results = {case["text"]: case["result"] for case in vectors("actions", "cases") if case["home"] == "flat"}
    for case in vectors("actions", "answers"):
        if case["stopped"]:
            assert case["result"] == results.get(case["text"], case["result"])
            assert case["result"]["code"] != "cut_off"
        else:
            assert case["result"] == NOTHING_SAID | {"status": "refused", "code": "cut_off"}


def test_values_of_walks_are_cut_from_the_text() -> None:
    for case in vectors("constraint", "walks"):
        if case["mode"] == "substrings" and case["stopped"]:
            call = json.loads(spelled(case["ids"]))
            for name, value in call["arguments"].items():
                schema = schema_of(call["name"])["properties"][name]
                if isinstance(value, str) and not {"enum", "anyOf"} & set(schema):
                    assert value in case["text"]


def test_made_up_logits_by_hand() -> None:
    for token, step, seed in ((0, 0, 0), (7, 3, 2), (1151, 60, 9)):
        mixed = (token * 2654435761 + step * 40503 + seed * 69069) % 2**32
        assert float(made_up_logits(1152, step, seed)[token]) == (mixed >> 8) / 2**24
