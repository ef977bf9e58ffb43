"""The on-device benchmark: random model, requests, bandwidth, figures and verdicts by hand, and one small run."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from eval.bench.contestants import Contestant
from eval.bench.ondevice import app_process
from eval.bench.ondevice.app_process import QUESTIONS, run_app
from eval.bench.ondevice.bandwidth import last_cache_bytes
from eval.bench.ondevice.contestants import ENTRIES, choose, without_file, without_library
from eval.bench.ondevice.figures import other_work, rate, roofline, runner_results, shared
from eval.bench.ondevice.files import GGUF_TYPES, make_files, weights_read
from eval.bench.ondevice.model import LLAMA, SHAPES, find_model, made_up_tokenizer, write_random_model
from eval.bench.ondevice.result import AppResult, RunnerResult, read_ondevice
from eval.bench.ondevice.tables import app_table, runners_table, targets_table
from eval.bench.ondevice.targets import app_targets, best, speed_targets, target
from eval.bench.ondevice.workload import OndeviceWorkload, cache_bytes, read_workload, write_workload
from eval.bench.process import ContestantProcess
from eval.bench.rounds import Running
from train.chat import ChatTokenizer
from train.errors import TandemError, UserError
from train.intervals import Interval
from train.runs import REPOSITORY

WORK: Any = None  # entries without a process: only their figures are looked at
MADE = {entry.file: {"bytes": 1000, "read_bytes": 2_000_000} for entry in ENTRIES.values()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny shape with a workload."""
    folder = tmp_path_factory.mktemp("ondevice")
    model = write_random_model(folder / "model", "tiny")
    write_workload(folder, OndeviceWorkload(str(model), "tiny", prompt=8, new=4, window=32))
    return folder


def test_named_shapes_have_the_weights_their_names_say() -> None:
    """Counted by hand: V·W, and a layer 2·W·W + 2·W·(KV·D) + 3·W·F + 2·W, and the last norm."""
    layer = 2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536 + 2 * 576
    for name, layers, millions in (("135m", 30, 134.5), ("40m", 4, 42.5)):
        assert SHAPES[name]["num_hidden_layers"] == layers
        assert round((49_152 * 576 + layers * layer + 576) / 1e6, 1) == millions


def test_the_random_model_is_whole_and_always_the_same(folder: Path, tmp_path: Path) -> None:
    again = write_random_model(tmp_path / "model", "tiny")
    first, second = (load_file(path / "model.safetensors") for path in (folder / "model", again))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert (
        sum(value.size for value in first.values())
        == 512 * 64 + 2 * (2 * 64**2 + 2 * 64 * 32 + 3 * 64 * 128 + 128) + 64
    )
    assert ChatTokenizer.load(again).vocab_size == 512
    assert find_model(again) == again
    with pytest.raises(UserError, match="no-such-place"):
        find_model(tmp_path / "no-such-place")
    with pytest.raises(UserError, match="known shapes"):
        write_random_model(tmp_path / "other", "1b")


def test_the_made_up_tokenizer_reads_any_text() -> None:
    tokenizer = ChatTokenizer(made_up_tokenizer(5000))
    assert tokenizer.vocab_size == 5000
    assert tokenizer.decode(tokenizer.text("turn on the küche, 20 °C")) == "turn on the küche, 20 °C"
    assert len(tokenizer.text("abab")) == 2  # pairs of letters are one token


def test_bytes_a_step_reads() -> None:
    config = LLAMA | SHAPES["135m"]
    assert cache_bytes(config, 512, 4) == 2 * 30 * 3 * 64 * 512 * 4 == 23_592_960  # ONDEVICE's 23.6 MB
    assert weights_read(config) == 1.0
    untied = LLAMA | SHAPES["tiny"] | {"tie_word_embeddings": False}
    table, layer = 512 * 64, 2 * (4 + 2) * 16 * 64 + 3 * 64 * 128
    assert weights_read(untied) == pytest.approx((2 * layer + table) / (2 * layer + 2 * table))


def test_workload_comes_back_and_the_prompt_fits_the_vocabulary(folder: Path) -> None:
    workload = read_workload(folder)
    assert (workload.prompt, workload.buckets) == (8, [8])
    assert workload.ids(20) == [(n * 7919 + 11) % 20 for n in range(8)]


def test_bandwidth_is_read_by_the_contestant(folder: Path) -> None:
    """Against NumPy's own copy of as many bytes, which reads and writes: memchr can't be far slower than that."""
    with ContestantProcess(Contestant("memory", "ondevice.bandwidth:Bandwidth", ""), folder, 1, 120.0) as process:
        process.load()
        assert process.ask("facts")["open_s"] == 0.0
        speed = process.ask("request")["bytes_per_s"]
        assert process.ask("memory")["peak_memory_bytes"] > max(256 * 2**20, 8 * last_cache_bytes())
    assert 1e7 < speed < 1e13


def test_memchr_sees_every_byte() -> None:
    """What the measurement rests on: it stops at the byte, so where none is it has read all."""
    data = np.full(10_000, 1, np.uint8)
    data[9_999] = 0
    memchr = ctypes.CDLL(None).memchr
    memchr.argtypes, memchr.restype = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t), ctypes.c_void_p
    assert memchr(data.ctypes.data, 0, data.nbytes) == data.ctypes.data + 9_999
    assert memchr(data.ctypes.data, 0, data.nbytes - 1) is None


def test_rates_and_roofline_by_hand() -> None:
    found = rate([100.0, 200.0, 300.0, 400.0, 500.0])
    assert (found.median, found.spread) == (300.0, (400.0 - 200.0) / 300.0)
    assert rate([5.0]).spread == 0.0
    # 2 MB in 1 ms is 2 GB/s: half of 4 GB/s in every round.
    share = roofline([1e-3, 2e-3], 2_000_000, [4e9, 2e9], 1_000_000)
    assert share is not None
    assert (share.value, share.low, share.high) == (0.5, 0.5, 0.5)
    assert roofline([1e-3], 2_000_000, [4e9], 2_000_000) is None  # the cache holds it
    assert roofline([1e-3], 2_000_000, [], 0) is None


def test_ids_show_whether_it_is_the_same_work() -> None:
    assert shared([1, 2, 3], [1, 2, 4]) == 2
    assert shared([1, 2], [1, 2, 4]) == 2
    assert other_work("llama-f32", [7, 1], [7, 2]) is None
    assert "first id is 8" in str(other_work("llama-f32", [8], [7]))
    assert other_work("llama-q4", [8], [7]) is None  # quantised ones may choose otherwise


def running(token_s: float, prefill_s: float, ids: list[int], error: str | None = None) -> Running:
    first = {"prefill_tokens": 8, "ids": ids, "import_s": 0.5, "open_s": 0.25, "base_memory_bytes": 30_000_000}
    rounds = {"prefill_s": [prefill_s] * 3, "ttft_s": [0.1] * 3, "token_s": [token_s, 2 * token_s, token_s]}
    return Running(WORK, 1.0, first, {} if error else rounds, 50_000_000, error)


def runners(**changes: Running) -> list[RunnerResult]:
    found = {name: running(0.004, 0.08, [1, 2]) for name in ENTRIES}
    found |= {name.replace("_", "-"): entry for name, entry in changes.items()}
    absent = {"onnx-fp32": ("skipped", "the library onnxruntime is not installed")}
    return runner_results(ENTRIES, absent, found, MADE, [1e9, 0.5e9, 1e9], 1_000_000)


def test_figures_of_the_contestants() -> None:
    found = {
        runner.name: runner
        for runner in runners(llama_f32=running(0.004, 0.08, [9]), llama_q8=running(1, 1, [], "gone"))
    }
    assert found["compiled-int8"].decode is not None
    assert found["compiled-int8"].decode.median == 250.0
    assert found["compiled-int8"].prefill is not None
    assert found["compiled-int8"].prefill.rounds == [100.0] * 3
    assert found["compiled-int8"].same_ids == 2
    # 2 MB in 4 ms at 1 GB/s: half; in 8 ms at 0.5 GB/s: half.
    assert found["compiled-int8"].roofline is not None
    assert found["compiled-int8"].roofline.value == 0.5
    assert (found["onnx-fp32"].status, found["llama-q8"].status) == ("skipped", "failed")
    assert "not the same work" in str(found["llama-f32"].error)


def test_targets_compare_the_best_of_ours() -> None:
    fast = running(0.002, 0.02, [1, 2])
    lines = {
        line.name: line for line in speed_targets(runners(litertlm_int8=fast, compiled_int4=running(0.008, 0.08, [])))
    }
    assert best(runners(litertlm_int8=fast), "int8", "decode").name == "litertlm-int8"  # type: ignore[union-attr]
    decode = lines["decode int8 vs llama.cpp Q8_0"]
    assert (decode.value, decode.verdict) == (2.0, "met")
    assert "litertlm-int8 against llama-q8" in decode.how
    assert lines["prefill int8 vs llama.cpp Q8_0"].value == pytest.approx(4.0)
    assert (lines["decode int4 vs llama.cpp Q4_0"].value, lines["decode int4 vs llama.cpp Q4_0"].verdict) == (
        1.0,
        "missed",
    )
    roof = lines["decode int8, share of the roofline"]
    assert (roof.value, roof.verdict) == (100.0, "met")
    gone = {line.name: line for line in speed_targets(runners(llama_q8=running(1, 1, [], "gone")))}
    assert gone["decode int8 vs llama.cpp Q8_0"].verdict == "open"
    assert "gone" in gone["decode int8 vs llama.cpp Q8_0"].how


@pytest.mark.parametrize(
    ("at_most", "low", "high", "verdict"),
    [
        (False, 1.3, 1.5, "met"), (False, 1.2, 1.5, "open"), (False, 1.1, 1.29, "missed"),
        (True, 1.0, 1.29, "met"), (True, 1.0, 1.5, "open"), (True, 1.3, 1.5, "missed"),
    ],
)  # fmt: skip
def test_a_verdict_needs_the_whole_interval(at_most: bool, low: float, high: float, verdict: str) -> None:
    assert target("a", 1.3, Interval((low + high) / 2, low, high), "x", at_most, "").verdict == verdict


def test_the_process_of_an_app_is_judged() -> None:
    app = AppResult(
        runner="auto", question="q", answer="a", file_bytes=8_000_000, constrained=True,
        import_s=[0.1, 0.1], load_s=[0.2, 0.2], answer_s=[0.03, 0.03], peak_memory_bytes=[70_000_000, 90_000_000],
    )  # fmt: skip
    assert [line.verdict for line in app_targets(app)] == ["open", "met", "missed"]
    assert app_table([app]).rows == [("auto", "8.0", "0.20", "0.10", "30.0", "80", "yes", "a")]
    assert targets_table("t", app_targets(app)).rows[2][1:4] == ("< 25 ms", "30 ms [30, 30]", "missed")


def test_unknown_and_missing_contestants_are_named() -> None:
    assert list(choose(["llama-q4", "interpreter-int8"])) == ["interpreter-int8", "llama-q4"]
    assert len(choose([])) == 17
    with pytest.raises(UserError, match="known contestants"):
        choose(["llama"])
    entries = choose(["llama-q4"])
    assert without_file(entries, {"q4.gguf": {"error": "no such shape"}}) == {"llama-q4": "no such shape"}
    absent = without_library({"x": type(ENTRIES["llama-q4"])(WORK, "r", "d", "k", "no_such_module", "no-such-library")})
    assert "no-such-library" in absent["x"]


def test_gguf_types_are_those_of_the_contestants() -> None:
    assert {f"{kind}.gguf" for kind in GGUF_TYPES} == {e.file for e in ENTRIES.values() if e.kind == "gguf"}


def test_a_small_run_writes_a_result(folder: Path, tmp_path: Path) -> None:
    """Ours on the Interpreter and CompiledModel, int8 and fp32; llama.cpp where it is installed."""
    pytest.importorskip("ai_edge_litert", reason="extra mobile")
    pytest.importorskip("ai_edge_quantizer", reason="extra mobile")
    names = ["interpreter-fp32", "compiled-fp32", "interpreter-int8", "compiled-int8"]
    out = tmp_path / "result.json"
    command = [
        sys.executable, "-m", "eval.bench.ondevice", "--student", str(folder / "model"), "--rounds", "2",
        "--prompt", "8", "--new", "4", "--window", "32", "--keep", str(tmp_path / "files"), "--out", str(out),
        *(word for name in names for word in ("--only", name)),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = read_ondevice(out)
    (run,) = result.runs
    assert [runner.status for runner in run.runners] == ["ok"] * 4, done.stdout
    for runner in run.runners:
        assert [len(values) for values in (runner.prefill_s, runner.ttft_s, runner.token_s)] == [2, 2, 2]
        assert runner.file_bytes == (tmp_path / "files" / f"{runner.dtype}.tflite").stat().st_size
    assert [runner.same_ids for runner in run.runners][:2] == [4, 4]
    assert len(run.bandwidth) == len(run.load_average) == 2
    assert json.loads(done.stdout.splitlines()[-1])["not_ok"] == []
    assert "CompiledModel int8" in done.stdout
    assert runners_table(run).rows[0][0] == "Interpreter fp32"


def test_llama_cpp_chooses_as_transformers(folder: Path) -> None:
    """The f32 file's greedy ids, from PyTorch in a process of its own."""
    pytest.importorskip("llama_cpp", reason="extra bench (llama-cpp-python)")
    pytest.importorskip("gguf", reason="extra torch")
    check_ids(folder, "gguf", "llama-f32")


@pytest.mark.slow
def test_onnx_runtime_chooses_as_transformers(folder: Path) -> None:
    for library in ("onnxruntime", "onnx", "onnxscript"):
        pytest.importorskip(library, reason="extra bench")
    check_ids(folder, "onnx", "onnx-fp32")


def check_ids(folder: Path, kind: str, name: str) -> None:
    made = make_files(folder, [kind])
    assert not [entry for entry in made.values() if "error" in entry], made
    with ContestantProcess(ENTRIES[name].contestant, folder, 1, 120.0) as process:
        process.load()
        replies = [process.ask("request") for _ in range(2)]  # the second one starts from an empty cache too
    assert replies[0]["ids"] == replies[1]["ids"] == reference_ids(folder)
    assert replies[0]["prefill_tokens"] == 8


ORACLE = """
import sys, torch
from transformers import LlamaForCausalLM
model = LlamaForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float64)
ids = torch.tensor([[int(word) for word in sys.argv[2].split(",")]])
out = model.generate(ids, max_new_tokens=4, min_new_tokens=4, do_sample=False, pad_token_id=0)
print(out[0, ids.shape[1]:].tolist())
"""


def reference_ids(folder: Path) -> list[int]:
    prompt = ",".join(map(str, read_workload(folder).ids(512)))
    command = [sys.executable, "-c", ORACLE, str(folder / "model"), prompt]
    env = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    ids: list[int] = json.loads(done.stdout.splitlines()[-1])
    return ids


FAKE_RUNTIME = """
import numpy
class Chat:
    def __init__(self, folder, threads, runner, constrain):
        assert (threads, runner) == (1, "interpreter")
        self.constrain, self.model, self.path = constrain or "schema", self, folder / "bundle.json"
        self.kept = numpy.ones(40_000_000, numpy.uint8)
    def answer(self, question):
        self.text = question.upper()
        return self
"""


def test_the_app_is_a_process_with_nothing_but_the_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime of our own in its place: 40 MB of it must be seen, and Pydantic (in `eval`) must not."""
    for library in ("ai_edge_litert", "tokenizers"):
        pytest.importorskip(library, reason="extra mobile")
    (tmp_path / "mobile").mkdir()
    (tmp_path / "mobile" / "runtime.py").write_text(FAKE_RUNTIME)
    (tmp_path / "bundle.json").write_text("{}")
    monkeypatch.setattr(app_process, "REPOSITORY", tmp_path)
    found = run_app(tmp_path, "interpreter", "off")
    assert (found["answer"], found["file_bytes"], found["constrained"]) == (QUESTIONS[0].upper(), 2, False)
    assert 0 < found["import_s"] <= found["load_s"]
    assert found["answer_s"] < found["load_s"]
    assert run_app(tmp_path, "interpreter", "default")["constrained"] is True
    assert 40e6 < found["peak_memory_bytes"] < 40e6 + 70e6
    with pytest.raises(TandemError, match="AssertionError"):
        run_app(tmp_path, "auto", "off")
