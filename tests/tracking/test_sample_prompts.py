"""Fixed prompts while training: how answers become rows of the samples table, and greedy decoding in PyTorch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import TINY, toy_rows
from train.chat import ChatTokenizer
from train.tracking.sample_prompts import sample_prompts


def test_answers_become_samples(tmp_path: Path, tokenizer_folder: Path) -> None:
    rows = toy_rows(5)
    path = tmp_path / "val.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tokenizer = ChatTokenizer.load(tokenizer_folder)
    prompts = sample_prompts(path, tokenizer, 3)
    assert prompts is not None
    call = json.loads(rows[0]["messages"][1]["content"])
    other_order = json.dumps({"arguments": call["arguments"], "name": call["name"]})
    reference = rows[1]["messages"][1]["content"]
    answers = [
        [*tokenizer.text(other_order), tokenizer.stop_id, tokenizer.stop_id],
        tokenizer.text(reference),  # never stopped
        [*tokenizer.text("no"), tokenizer.stop_id],
    ]
    found = prompts.samples(7, "teacher-eager", answers)
    assert [(sample.answer, sample.exact) for sample in found] == [
        (other_order, True),
        (reference, False),
        ("no", False),
    ]
    assert (found[0].step, found[0].prompt) == (7, rows[0]["messages"][0]["content"])
    assert sample_prompts(path, tokenizer, 0) is None


def test_greedy_in_batches_is_greedy_alone() -> None:
    """Against a loop of whole forward passes without cache and without padding."""
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from transformers import LlamaConfig, LlamaForCausalLM

    from train.torch_track.sampling import greedy

    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=50, initializer_range=0.5, **TINY.model_dump())).train()
    prompts = [[5, 6, 7, 8, 9], [11, 12]]
    found = greedy(model, prompts, 6, stop_id=2)
    assert model.training
    for prompt, answer in zip(prompts, found, strict=True):
        ids = list(prompt)
        for _ in range(6):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] == 2:
                break
        assert answer[: len(ids) - len(prompt)] == ids[len(prompt) :]
