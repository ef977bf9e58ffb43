"""The capture against log-probabilities computed row by row, without padding, by transformers' own forward pass."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.torch_track import forks
from train.chat import ChatTokenizer
from train.config.schema import Config
from train.distill.cache_writer import CacheWriter
from train.distill.logit_cache import LogitCache, cache_key
from train.distill.supervised import read_supervised
from train.errors import UserError
from train.runs import RunFolder, StageContext
from train.tracking import Tracker

torch = pytest.importorskip("torch")
capture = pytest.importorskip("train.distill.capture")


def context(run: RunFolder, config: Config) -> StageContext:
    return StageContext(config, run, "f", Tracker(run.path, "capture"), run.path / "checkpoints" / "capture")


@pytest.fixture(autouse=True)
def fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(capture, "cpu_has_bf16", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_entries_are_the_teachers_distributions(
    run: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    monkeypatch.setattr(capture, "BLOCK_ROWS", 8)
    monkeypatch.setattr(capture, "BATCH_TOKENS", 100)
    with context(run, config).tracker:
        headline = capture.run(context(run, config))
    tokenizer = ChatTokenizer.load(run.data / "tokenizer")
    cache = LogitCache(run.logits, cache_key(run, tokenizer, config.distill))
    model = AutoModelForCausalLM.from_pretrained(run.teacher, dtype=torch.float32).eval()
    tail = []
    lines = (run.data / "train.jsonl").read_text().splitlines()
    for number, line in enumerate(lines):
        ids, mask = tokenizer.encode(json.loads(line)["messages"])
        with torch.no_grad():
            logprobs = model(torch.tensor([ids])).logits[0].double().log_softmax(-1).numpy()
        expected = np.stack([logprobs[t - 1] for t in range(len(ids)) if mask[t]])
        entry = cache.entry(number)
        assert entry is not None
        assert entry.ids.shape == (sum(mask), 8)
        assert np.allclose(np.take_along_axis(expected, entry.ids.astype(int), -1), entry.logprobs, atol=5e-3)
        assert np.allclose(-np.sort(-expected, -1)[:, :8], entry.logprobs, atol=5e-3)
        assert np.allclose(entry.lse[:, 0], 0, atol=1e-5)
        assert np.allclose(entry.lse[:, 1], np.log(np.exp(expected / 2).sum(-1)), atol=1e-4)
        tail += (1 - np.exp(-np.sort(-expected, -1)[:, :8]).sum(-1)).tolist()
    assert headline["rows"] == len(lines) == 30
    assert headline["positions"] == len(tail)
    assert headline["mean_tail_mass"] == pytest.approx(np.mean(tail), abs=1e-3)
    assert headline["tokens_per_s"] > 0


def test_goes_on_after_a_kill(run: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "BLOCK_ROWS", 8)
    whole = capture.run(context(run, config))
    expected = [path.read_bytes() for path in sorted(run.logits.glob("*.safetensors"))]
    shutil.rmtree(run.path / "checkpoints")  # as the stage does when its result is recorded
    add, calls = CacheWriter.add, []

    def killed(self: CacheWriter, *args: object, **figures: float) -> None:
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(1)
        add(self, *args, **figures)  # type: ignore[arg-type]

    monkeypatch.setattr(CacheWriter, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        capture.run(context(run, config))
    assert len(calls) == 2
    monkeypatch.setattr(CacheWriter, "add", add)
    again = capture.run(context(run, config))
    assert again["rows"] == whole["rows"]
    assert [path.read_bytes() for path in sorted(run.logits.glob("*.safetensors"))] == expected


def in_two_processes(run: RunFolder, config: Config, dies_at: int = 99) -> list[int]:
    """Exit statuses of a capture as torchrun starts it; each process dies before its n-th shard, n = `dies_at`."""
    add = CacheWriter.add

    def work() -> None:
        rank, calls = os.environ["RANK"], []

        def noted(self: CacheWriter, rows: list[int], entries: object, number: int, **figures: float) -> None:
            calls.append(number)
            if len(calls) == dies_at:
                os._exit(9)
            add(self, rows, entries, number, **figures)  # type: ignore[arg-type]
            (run.path / f"shard {number} by {rank}").touch()

        CacheWriter.add = noted  # type: ignore[method-assign, assignment]
        mine = context(run, config) if rank == "0" else replace(context(run, config), tracker=Tracker(None, "capture"))
        assert bool(capture.run(mine)) == (rank == "0")

    return forks.run_ranks(work, 2, 29601 + dies_at % 9)


def test_two_processes_make_the_cache_of_one(run: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "BLOCK_ROWS", 8)
    key = cache_key(run, ChatTokenizer.load(run.data / "tokenizer"), config.distill)
    capture.run(context(run, config))
    (run.path / "logits").rename(run.path / "of one")
    shutil.rmtree(run.path / "checkpoints")
    assert in_two_processes(run, config) == [0, 0]
    assert sorted(path.name for path in run.path.glob("shard *")) == [f"shard {n} by {n % 2}" for n in range(4)]
    one, two = LogitCache(run.path / "of one", key), LogitCache(run.logits, key)
    assert len(one) == len(two) == 30
    for row in range(30):
        expected, found = one.entry(row), two.entry(row)
        assert expected is not None
        assert found is not None
        assert np.array_equal(found.ids, expected.ids)
        assert np.allclose(found.logprobs, expected.logprobs, rtol=0, atol=1e-5)
        assert np.allclose(found.lse, expected.lse, rtol=0, atol=1e-5)


def test_one_process_goes_on_where_two_were_killed(
    run: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "BLOCK_ROWS", 4)
    capture.run(context(run, config))
    expected = [path.read_bytes() for path in sorted(run.logits.glob("*.safetensors"))]
    shutil.rmtree(run.path / "checkpoints")
    assert in_two_processes(run, config, dies_at=3) == [9, 9]
    left = sorted(path.name for path in (run.path / "checkpoints" / "capture").glob("*.safetensors"))
    assert left == [f"shard-{n:05d}.safetensors" for n in range(4)]
    # One of them got lost: what is missing is not at the end.
    (run.path / "checkpoints" / "capture" / "shard-00001.safetensors").unlink()
    assert capture.run(context(run, config))["rows"] == 30
    assert [path.read_bytes() for path in sorted(run.logits.glob("*.safetensors"))] == expected


def test_stops_when_the_time_is_spent(run: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "BLOCK_ROWS", 8)
    monkeypatch.setattr(capture, "BATCH_TOKENS", 60)
    short = config.model_copy(update={"distill": config.distill.model_copy(update={"max_minutes_capture": 1e-9})})
    headline = capture.run(context(run, short))
    assert 1 <= headline["rows"] < 8  # one batch of the first block


def test_row_limit(run: RunFolder, config: Config) -> None:
    few = config.model_copy(update={"distill": config.distill.model_copy(update={"rows": 4})})
    capture.run(context(run, few))
    cache = LogitCache(run.logits, cache_key(run, ChatTokenizer.load(run.data / "tokenizer"), few.distill))
    assert [cache.entry(row) is not None for row in range(6)] == [True] * 4 + [False] * 2


def test_no_row_is_an_empty_cache(run: RunFolder, config: Config) -> None:
    none = config.model_copy(update={"distill": config.distill.model_copy(update={"rows": 0})})
    assert capture.run(context(run, none)) == {"rows": 0, "positions": 0}
    cache = LogitCache(run.logits, cache_key(run, ChatTokenizer.load(run.data / "tokenizer"), none.distill))
    assert cache.entry(0) is None


def test_batches_hold_every_row_once_and_little_padding(run: RunFolder) -> None:
    rows = read_supervised(run.data / "train.jsonl", ChatTokenizer.load(run.data / "tokenizer"))
    batches = list(capture._batches(rows, range(3, 30)))
    assert sorted(number for batch in batches for number in batch) == list(range(3, 30))


def test_another_vocabulary_is_refused(run: RunFolder, config: Config) -> None:
    with pytest.raises(UserError, match="vocabulary of 259, the tokenizer of this run one of 300"):
        capture.Teacher(run.teacher, 300, 8, (1.0,))


def test_a_folder_that_holds_no_model_is_refused(run: RunFolder, config: Config) -> None:
    (run.teacher / "config.json").write_text("[1]")
    with pytest.raises(UserError, match=r"teacher can't be loaded .*tandem finetune CONFIG"):
        capture.run(context(run, config))


def test_reader_needs_no_framework(run: RunFolder, config: Config) -> None:
    code = "import sys, train.distill.logit_cache; assert not {'torch', 'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
