"""Every engine that reads a Hugging Face folder gives the ids of transformers' own generate, one row at a time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.engines.registry import make_engine, spec_of
from tests.conftest import TINY, toy_rows
from train.config import Config
from train.config.schema import EvalConfig
from train.runs import RunFolder

NEW = 10


@pytest.fixture
def both_models(run_folder: RunFolder, tokenizer_folder: Path) -> RunFolder:
    """A run whose teacher and student have different random weights, wide enough apart that choices are no ties."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    for seed, folder in enumerate([run_folder.teacher, run_folder.student / "hf"]):
        torch.manual_seed(seed)
        config = LlamaConfig(
            **TINY.model_dump(),
            vocab_size=320,
            max_position_embeddings=512,
            tie_word_embeddings=seed == 0,  # both ways of storing the head
            initializer_range=0.3,
        )
        LlamaForCausalLM(config).save_pretrained(folder)
        shutil.copy(tokenizer_folder / "tokenizer.json", folder)
    return run_folder


def reference(folder: Path, prompts: list[list[int]], pad_id: int) -> list[list[int]]:
    import torch
    from transformers import LlamaForCausalLM

    model: Any = LlamaForCausalLM.from_pretrained(folder)
    settings: dict[str, Any] = {"max_new_tokens": NEW, "do_sample": False, "eos_token_id": None, "pad_token_id": pad_id}
    rows = [torch.tensor([prompt]) for prompt in prompts]
    return [
        model.generate(ids, attention_mask=torch.ones_like(ids), **settings)[0, ids.shape[1] :].tolist() for ids in rows
    ]


def check(engine: Any, folder: Path) -> None:
    """Rows of several lengths that stop at different steps, in a full batch and in one that is not."""
    engine.load()
    prompts = [engine.prompt(row["messages"][:1]) for row in toy_rows(5, seed=7)]
    free = reference(folder, prompts, engine.tokenizer.pad_id)
    stop = engine.tokenizer.stop_id = free[0][NEW // 2]
    expected = [ids[: ids.index(stop) + 1] if stop in ids else ids for ids in free]
    assert len({len(prompt) for prompt in prompts}) > 2
    assert len({len(ids) for ids in expected}) > 1
    size = engine.batch_size
    got = [ids for start in range(0, 5, size) for ids in engine.generate(prompts[start : start + size], NEW)]
    assert got == expected
    timing = engine.time_request(8, 4)
    assert len(timing.per_token_s) == 3
    found = engine.describe()
    layer = 32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 48 + 2 * 32
    tables = 1 if folder.name == "teacher" else 2
    assert found["params"] == tables * 320 * 32 + 2 * layer + 32


def small_batches(config: Config) -> Config:
    return config.model_copy(update={"eval": EvalConfig(**config.eval.model_dump() | {"batch_size": 3})})


def test_student_in_torch(both_models: RunFolder, config: Config) -> None:
    engine = make_engine(spec_of("student-torch", both_models, small_batches(config), 1))
    check(engine, both_models.student / "hf")


@pytest.mark.slow
def test_teacher_compiled(both_models: RunFolder, config: Config) -> None:
    if not shutil.which("g++"):
        pytest.skip("torch.compile needs g++")
    engine: Any = make_engine(spec_of("teacher-compiled", both_models, small_batches(config), 1))
    check(engine, both_models.teacher)
    assert engine._torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 1, "nothing was compiled"
    assert not engine._torch._dynamo.utils.counters["graph_break"]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["teacher", "student"])
def test_onnx(model: str, both_models: RunFolder, config: Config) -> None:
    for library in ("onnxruntime", "onnxscript"):
        pytest.importorskip(library, reason="needs the extra 'bench'")
    folder = both_models.teacher if model == "teacher" else both_models.student / "hf"
    engine: Any = make_engine(spec_of(f"{model}-onnx", both_models, small_batches(config), 1))
    check(engine, folder)
    again: Any = make_engine(spec_of(f"{model}-onnx", both_models, small_batches(config), 1))
    again._write = None  # made once
    again.load()
    assert again.path == engine.path
    assert engine.path.parent == both_models.eval / "made"


@pytest.mark.parametrize("kind", ["f32", "q8", "q4"])
def test_gguf_file_read_by_transformers(kind: str, both_models: RunFolder, tmp_path: Path) -> None:
    """An independent reader undoes the permutation of q and k; the quantised files stay within their step."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaForCausalLM

    from eval.engines.gguf_file import write_gguf

    folder = both_models.student / "hf"
    write_gguf(folder, tmp_path / "m.gguf", kind)
    read: Any = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="m.gguf", dtype=torch.float32)
    true: Any = LlamaForCausalLM.from_pretrained(folder)
    assert read.config.rope_parameters["rope_theta"] == TINY.rope_theta
    assert read.config.num_key_value_heads == 2
    step = {"f32": 0.0, "q8": 1 / 127, "q4": 1 / 8}[kind]  # share of a block's largest value
    for name, value in true.state_dict().items():
        got = read.state_dict()[name]
        assert got.shape == value.shape
        assert (got - value).abs().max() <= step * value.abs().max() * 1.01, name
    if kind == "f32":
        ids = torch.tensor([[5, 9, 77, 300, 12, 4]])
        np.testing.assert_allclose(read(ids).logits.detach(), true(ids).logits.detach(), atol=1e-5)


def test_llama_cpp(both_models: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """fp32 weights, so that the ids must be the same; the quantised files differ in the weights alone."""
    pytest.importorskip("llama_cpp", reason="needs the extra 'bench'")
    engine: Any = make_engine(spec_of("student-gguf-q8", both_models, config, 1))
    engine.kind = "f32"
    check(engine, both_models.student / "hf")


def test_gguf_names_what_it_cannot_write() -> None:
    from eval.engines.gguf_file import gguf_name
    from train.errors import UserError

    assert gguf_name("model.layers.3.mlp.up_proj.weight") == "blk.3.ffn_up.weight"
    assert gguf_name("lm_head.weight") == "output.weight"
    for name in ("model.layers.0.self_attn.q_proj.bias", "vision.patch.weight"):
        with pytest.raises(UserError, match="has no place in a GGUF file"):
            gguf_name(name)


def test_missing_model_names_the_folder(run_folder: RunFolder, config: Config) -> None:
    from train.errors import UserError

    for engine in ("student-torch", "student-onnx", "student-gguf-q4", "teacher-compiled"):
        with pytest.raises(UserError, match="run the earlier stages first"):
            make_engine(spec_of(engine, run_folder, config, 1)).load()
