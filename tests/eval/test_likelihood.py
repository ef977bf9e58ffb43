"""Likelihoods: against transformers' own loss, hand-made distributions, and counts done by hand."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.engines.likelihood import LikelihoodEngine, log_softmax, measure
from eval.engines.registry import spec_of
from eval.engines.tflite_engine import TfliteEngine
from eval.engines.torch_engine import TeacherEngine
from eval.likelihood import divergence, first_divergence
from eval.quality import agreement
from tests.conftest import TINY, toy_rows
from train.chat import ChatTokenizer
from train.config import Config
from train.errors import UserError
from train.runs import RunFolder

TEXT = "Es war einmal. Turn on the light 7 in the hall, and then the fan 21 in the attic; 日本"


@pytest.fixture
def teacher(run_folder: RunFolder, tokenizer_folder: Path, config: Config) -> TeacherEngine:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {**TINY.model_dump(), "vocab_size": 320, "tie_word_embeddings": True, "initializer_range": 0.3}
    LlamaForCausalLM(LlamaConfig(**shape)).save_pretrained(run_folder.teacher)
    shutil.copy(tokenizer_folder / "tokenizer.json", run_folder.teacher)
    engine = TeacherEngine(spec_of("teacher-eager", run_folder, config, 1))
    engine.load()
    return engine


def loss_by_transformers(engine: TeacherEngine, ids: list[int], start: int) -> float:
    """Sum of nats over ids[start:]: labels of -100 are left out, the loss is a mean."""
    import torch

    labels = torch.tensor([[-100] * start + ids[start:]])
    return float(engine._model(torch.tensor([ids]), labels=labels).loss.detach()) * (len(ids) - start)


def test_answers_and_text_lose_what_transformers_says(teacher: TeacherEngine, tmp_path: Path) -> None:
    assert isinstance(teacher, LikelihoodEngine)
    rows = [(row["messages"][:1], row["messages"][1]["content"]) for row in toy_rows(3, seed=5)]
    path = tmp_path / "teacher.npz"
    found = measure(teacher, rows, TEXT, 20, str(path))
    expected, tokens = 0.0, 0
    for conversation, answer in rows:
        prompt = teacher.prompt(conversation)
        target = [*teacher.tokenizer.text(answer), teacher.tokenizer.stop_id]
        expected += loss_by_transformers(teacher, prompt + target, len(prompt))
        tokens += len(target)
    assert found["answers"]["nll"] == pytest.approx(expected, rel=1e-5)
    assert found["answers"]["tokens"] == tokens
    with np.load(path) as file:
        assert sum(len(file[name]) for name in file.files) == tokens
        assert np.exp(file["row-0"]).sum(-1) == pytest.approx(1.0, abs=1e-5)
    ids = teacher.tokenizer.text(TEXT)
    assert len(ids) > 40, "three pieces at least"
    pieces = [[teacher.tokenizer.pad_id, *ids[at : at + 19]] for at in range(0, len(ids), 19)]
    assert found["text"]["nll"] == pytest.approx(
        sum(loss_by_transformers(teacher, piece, 1) for piece in pieces), rel=1e-5
    )
    assert (found["text"]["tokens"], found["text"]["bytes"]) == (len(ids), len(TEXT) + 4)  # two letters of 3 bytes


def test_answers_that_do_not_fit_the_window_are_left_out(teacher: TeacherEngine, tmp_path: Path) -> None:
    """An engine with a small window is compared with its parent on the rows that both hold."""
    rows = [(row["messages"][:1], row["messages"][1]["content"]) for row in toy_rows(3, seed=5)]
    longer = ([{"role": "user", "content": "turn on " * 200}], rows[0][1])
    mixed = [rows[0], longer, *rows[1:]]
    parent = measure(teacher, mixed, None, 20, str(tmp_path / "parent.npz"))
    expected = measure(teacher, rows, None, 20, str(tmp_path / "short.npz"))["answers"]
    teacher.window = 150
    assert measure(teacher, mixed, None, 20, str(tmp_path / "child.npz"))["answers"] == expected
    assert parent["answers"]["tokens"] > expected["tokens"]
    found = divergence(tmp_path / "child.npz", tmp_path / "parent.npz")
    assert found is not None
    assert (found.kl, found.same, found.tokens) == (0.0, expected["tokens"], expected["tokens"])


class Runtime:
    """mobile.runtime.Model whose logits say which ids it has read: token t has the logit (t * sum of ids) mod 7."""

    window = 12

    def __init__(self, path: Path, **options: Any) -> None:
        self.reset()

    def reset(self) -> None:
        self.read: list[int] = []

    def prefill(self, ids: list[int]) -> None:
        self.read += ids

    def decode(self, token: int) -> Any:
        self.read.append(token)
        return np.array([t * sum(self.read) % 7 for t in range(320)], dtype=np.float32)


def test_tflite_reads_each_token_once(
    run_folder: RunFolder, tokenizer_folder: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobile.runtime.Model", Runtime)
    run_folder.mobile.mkdir()
    shutil.copy(tokenizer_folder / "tokenizer.json", run_folder.mobile)
    (run_folder.mobile / "student-int8.tflite").write_bytes(b"x")
    engine = TfliteEngine(spec_of("student-tflite-int8", run_folder, config, 1))
    engine.load()
    for ids, start in (([5, 9, 2, 4], 2), ([5, 9], 1)):
        found = engine.log_probs(ids, start)
        for row, at in zip(found, range(start, len(ids)), strict=True):
            logits = [t * sum(ids[:at]) % 7 for t in range(320)]
            total = math.log(sum(math.exp(logit) for logit in logits))
            assert row == pytest.approx([logit - total for logit in logits], abs=1e-5)
    with pytest.raises(UserError, match=r"lower eval\.text_window"):
        engine.log_probs([1] * 14, 1)


def test_engine_without_probabilities_is_left_out() -> None:
    assert measure(object(), [([], "a")], TEXT, 16, None) == {"answers": None, "text": None}


def test_log_softmax_of_large_logits() -> None:
    assert log_softmax(np.array([[1e4, 1e4, -1e4]]))[0] == pytest.approx(
        [math.log(0.5), math.log(0.5), -2e4 - math.log(2)]
    )


def test_divergence_by_hand(tmp_path: Path) -> None:
    p, q = np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]]), np.array([[0.25, 0.5, 0.25], [0.8, 0.1, 0.1]])
    for name, values in (("parent", p), ("child", q)):
        np.savez(tmp_path / f"{name}.npz", **{"row-0": np.log(values).astype(np.float32)})
    np.savez(tmp_path / "other.npz", **{"row-0": np.zeros((2, 4), np.float32)})
    found = divergence(tmp_path / "child.npz", tmp_path / "parent.npz")
    assert found is not None
    # 0.5 ln 2 - 0.25 ln 2 at the first token, 0 at the second.
    assert found.kl == pytest.approx(0.25 * math.log(2) / 2, rel=1e-6)
    assert (found.same, found.tokens) == (1, 2)
    assert divergence(tmp_path / "other.npz", tmp_path / "parent.npz") is None, "another vocabulary"
    assert divergence(None, tmp_path / "parent.npz") is None


def test_first_divergence_counts_common_tokens(tokenizer_folder: Path) -> None:
    encode = ChatTokenizer.load(tokenizer_folder).text
    common = '{"name":"HassTurnOn","arguments":{"area":"'
    pairs = [(common + "hall", common + "attic"), ("same", "same"), ("x", "")]
    ids = [encode(text) for text in pairs[0]]
    by_hand = next(at for at in range(len(ids[0])) if ids[0][: at + 1] != ids[1][: at + 1])
    assert first_divergence(pairs, tokenizer_folder) == by_hand / 2, "median of that and of 0"
    assert first_divergence([("same", "same")], tokenizer_folder) is None


def test_agreement_carries_it_all(tokenizer_folder: Path, tmp_path: Path) -> None:
    def samples(text: str) -> list[dict[str, Any]]:
        return [{"set": "t3", "id": "1", "answer": {"text": text}}]

    np.savez(tmp_path / "a.npz", **{"row-0": np.log(np.full((3, 4), 0.25, np.float32))})
    found = agreement(
        "teacher-eager",
        samples("a"),
        samples("b"),
        divergence(tmp_path / "a.npz", tmp_path / "a.npz"),
        tokenizer_folder,
    )
    assert found is not None
    assert (found.kl, found.first_divergence, found.same.k) == (0.0, 0.0, 0)
    assert found.tokens is not None
    assert (found.tokens.k, found.tokens.n) == (3, 3)
    assert json.loads(found.model_dump_json())["kl"] == 0.0
