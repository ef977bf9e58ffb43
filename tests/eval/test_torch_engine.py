"""Batched greedy generation of the PyTorch engines against transformers' own generate, one row at a time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from eval.engines.registry import make_engine, spec_of
from eval.engines.torch_engine import BaseEngine, TeacherEngine, few_shot_examples
from tests.conftest import TINY, toy_rows
from train.config import Config
from train.errors import UserError
from train.runs import RunFolder

NEW = 12


@pytest.fixture
def model_run(run_folder: RunFolder, tokenizer_folder: Path) -> RunFolder:
    """A run whose teacher has random weights, wide enough apart that greedy choices are no ties."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        **TINY.model_dump(),
        vocab_size=320,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(run_folder.teacher)
    shutil.copy(tokenizer_folder / "tokenizer.json", run_folder.teacher)
    return run_folder


def conversations(count: int) -> list[list[dict[str, Any]]]:
    return [row["messages"][:1] for row in toy_rows(count, seed=7)]


def reference(engine: Any, prompts: list[list[int]]) -> list[list[int]]:
    import torch

    found = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        output = engine._model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=NEW,
            do_sample=False,
            eos_token_id=engine.tokenizer.stop_id,
            pad_token_id=engine.tokenizer.pad_id,
        )
        found.append(output[0, len(prompt) :].tolist())
    return found


def stop_in_the_middle(engine: Any, prompts: list[list[int]]) -> None:
    """Makes a token that really comes the stop token, so that rows of a batch end at different steps."""
    engine.tokenizer.stop_id = reference(engine, prompts)[0][NEW // 2]


def test_batches_are_what_transformers_generates(model_run: RunFolder, config: Config) -> None:
    engine = make_engine(spec_of("teacher-eager", model_run, config, 1))
    assert isinstance(engine, TeacherEngine)
    engine.load()
    prompts = [engine.prompt(conversation) for conversation in conversations(7)]
    assert len({len(prompt) for prompt in prompts}) > 2, "rows of one length would not test the padding"
    stop_in_the_middle(engine, prompts)
    expected = reference(engine, prompts)
    assert len({len(ids) for ids in expected}) > 1
    assert engine.generate(prompts, NEW) == expected
    assert engine.generate(prompts[:1], NEW) == expected[:1]


def test_few_shot_prefix_changes_nothing_but_the_work(
    model_run: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BaseEngine, "folder", lambda self: model_run.teacher)
    engine = make_engine(spec_of("base", model_run, config, 1))
    assert isinstance(engine, BaseEngine)
    engine.load()
    prompts = [engine.prompt(conversation) for conversation in conversations(5)]
    assert len(engine.prefix) > 100
    assert all(prompt[: len(engine.prefix)] == engine.prefix for prompt in prompts)
    expected = reference(engine, prompts)
    assert engine.generate(prompts, NEW) == expected
    assert engine.generate(prompts[::-1], NEW) == expected[::-1], "the kept prefix is not changed by a batch"
    others = [prompts[0][5:60], [7, 8, 9]]  # a task's own text, which does not begin with the examples
    assert engine.generate(others, NEW) == reference(engine, others)


def test_answers_say_whether_they_stopped(
    model_run: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(spec_of("teacher-eager", model_run, config, 1))
    assert isinstance(engine, TeacherEngine)
    engine.load()
    prompts = [engine.prompt(conversation) for conversation in conversations(3)]
    stop_in_the_middle(engine, prompts)
    expected = reference(engine, prompts)
    waiting = iter(prompts)  # made before the stop token was exchanged, which prompts contain too
    monkeypatch.setattr(engine, "prompt", lambda conversation: next(waiting))
    answers = [answer for batch in engine.answer(conversations(3), NEW) for answer in batch]
    assert [answer.stopped for answer in answers] == [ids[-1] == engine.tokenizer.stop_id for ids in expected]
    assert answers[0].stopped
    assert answers[0].tokens == len(expected[0]) <= NEW // 2 + 1


def test_timing_and_description(model_run: RunFolder, config: Config) -> None:
    engine = make_engine(spec_of("teacher-eager", model_run, config, 1))
    engine.load()
    timing = engine.time_request(8, 5)
    assert timing.ttft_s > 0
    assert len(timing.per_token_s) == 4
    found = engine.describe()
    layer = 32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 48 + 2 * 32
    assert found["params"] == 320 * 32 + 2 * layer + 32, "the tied table counts once"
    assert (found["format"], found["dtype"]) == ("safetensors", "fp32")
    assert found["bytes"] == (model_run.teacher / "model.safetensors").stat().st_size


def test_examples_are_of_different_categories(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": str(i)}], "category": "aab"[i % 3]} for i in range(9)]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [message["content"] for message in few_shot_examples(path, 3)] == ["0", "2", "1"]
    assert few_shot_examples(path, 0) == []
    with pytest.raises(UserError, match="run the data stage first"):
        few_shot_examples(tmp_path / "no.jsonl", 1)


def test_missing_model_is_the_users_mistake(run_folder: RunFolder, config: Config) -> None:
    with pytest.raises(UserError, match="run the earlier stages first"):
        make_engine(spec_of("teacher-eager", run_folder, config, 1)).load()
