"""A random Llama student of a few ten thousand weights, exported once, and what transformers computes with it.

TensorFlow and PyTorch must not share a process, nor may either join the process of the other areas' tests:
both run in children. The child processes of one session run side by side.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from mobile.runtime import Chat

REPOSITORY = Path(__file__).resolve().parents[2]
VOCABULARY, WINDOW = 300, 48
LENGTHS = (1, 3, 4, 5, 15, 16, 17, 23, 38, 47, 48)  # around the buckets 4 and 16, up to the whole window

SENTENCES = [
    "turn on the kitchen lights", "turn off the lamp in the bedroom", "set the temperature to twenty degrees",
    "what is the temperature in the living room", "open the garage door", "close the curtains in the kitchen",
]  # fmt: skip

EXPORT = """
import sys
from pathlib import Path
from mobile.export.convert import convert
from mobile.export.stage import run
from mobile.export.weights import read_weights
from train.config.schema import Config
from train.runs import RunFolder, StageContext
from train.tracking.tracker import Tracker
config = Config(name="t", export={"prefill": [4, 16], "window": 48, "parity_steps": 6})
for folder in map(Path, sys.argv[1:]):
    if (folder / "data").is_dir():
        with Tracker(folder, "export") as tracker:
            run(StageContext(config, RunFolder(folder), "fingerprint", tracker, folder / "checkpoints"))
    else:
        (folder / "untied.tflite").write_bytes(convert(read_weights(folder), [4], 16))
"""

OFFERS = """
import os, sys
from pathlib import Path
import mobile.export.legacy
from mobile.export.source import run_export
from train.config.schema import Config
folder = Path(sys.argv[1])
# Nothing is installed by a test: no environment is there, and none can be made.
os.environ |= {"PATH": "/nonexistent", "TANDEM_CACHE": str(folder / "cache")}
mobile.export.legacy.PYTHON = (9, 9)
export = {"prefill": [4, 16], "window": 48, "parity_steps": 6, "gate_rows": 8}
offers = [
    {"source": "student", "variants": ["fp32", "int8", "int4", "portable"], "int4_block": None, "min_agreement": {}},
    {"source": "teacher", "variants": ["fp32", "int8", "int4"], "min_agreement": {"int4": 1.0}},
]
for offer in offers:
    run_export(Config(name=folder.name, runs_dir=folder.parent, export=export | offer))
"""

VERIFY = """
import sys
from pathlib import Path
from mobile.export.verify import verify
from train.command import guarded
raise SystemExit(guarded(lambda: verify(Path(sys.argv[1]))))
"""

ORACLE = """
import sys, numpy, torch
from transformers import LlamaForCausalLM
for folder, out, window, *lengths in (argument.split(",") for argument in sys.argv[1:]):
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float64)
    result = {}
    for length in map(int, lengths):
        prompt = numpy.random.default_rng(length).integers(0, model.config.vocab_size, length)
        with torch.no_grad():
            ids = torch.tensor(prompt)[None]
            for _ in range(min(10, int(window) + 1 - length)):
                logits = model(ids).logits[0]
                ids = torch.cat([ids, logits[-1].argmax().reshape(1, 1)], dim=1)
        result[f"ids_{length}"] = ids[0].numpy()
        result[f"logits_{length}"] = logits.numpy()
    numpy.savez(out, **result)
"""


@dataclass(frozen=True)
class Exported:
    """Run folders of two exports of one student, and the folder of an untied one with its file."""

    run: Path
    again: Path
    untied: Path
    oracle: dict[str, Any]  # ids_N: prompt of N tokens and its greedy continuation; logits_N: [all but the last id, V]
    untied_oracle: dict[str, Any]

    @property
    def mobile(self) -> Path:
        return self.run / "mobile"


def make_student(folder: Path, seed: int, **changes: Any) -> None:
    """A random student in the form of transformers; `changes` go into config.json."""
    config = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": VOCABULARY, "hidden_size": 32,
        "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 8, "rms_norm_eps": 1e-5, "rope_parameters": {"rope_theta": 1000.0, "rope_type": "default"},
        "tie_word_embeddings": True, "hidden_act": "silu", "max_position_embeddings": 64,
    } | changes  # fmt: skip
    random = np.random.default_rng(seed)
    width, size = config["hidden_size"], config["head_dim"]
    heads, groups = config["num_attention_heads"] * size, config["num_key_value_heads"] * size

    def matrix(rows: int, columns: int) -> Any:
        return (random.standard_normal((rows, columns)) * 1.5 / np.sqrt(columns)).astype(np.float32)

    def norm() -> Any:
        return (1 + 0.3 * random.standard_normal(width)).astype(np.float32)

    tensors = {"model.embed_tokens.weight": 2 * matrix(config["vocab_size"], width), "model.norm.weight": norm()}
    for index in range(config["num_hidden_layers"]):
        at = f"model.layers.{index}."
        tensors |= {at + "input_layernorm.weight": norm(), at + "post_attention_layernorm.weight": norm()}
        shapes = {
            "self_attn.q_proj": (heads, width), "self_attn.k_proj": (groups, width),
            "self_attn.v_proj": (groups, width), "self_attn.o_proj": (width, heads),
            "mlp.gate_proj": (config["intermediate_size"], width), "mlp.up_proj": (config["intermediate_size"], width),
            "mlp.down_proj": (width, config["intermediate_size"]),
        }  # fmt: skip
        tensors |= {f"{at}{name}.weight": matrix(*shape) for name, shape in shapes.items()}
    if not config["tie_word_embeddings"]:
        tensors["lm_head.weight"] = matrix(config["vocab_size"], width)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))


def make_tokenizer(path: Path) -> None:
    """Byte-level BPE of exactly VOCABULARY tokens with the three special ones."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY
    path.parent.mkdir(parents=True)
    tokenizer.save(str(path))


def make_run(folder: Path) -> None:
    make_student(folder / "student" / "hf", seed=1)
    make_tokenizer(folder / "data" / "tokenizer" / "tokenizer.json")
    (folder / "data" / "tools.json").write_text('[{"name": "HassTurnOn", "description": "", "parameters": {}}]')


def child(code: str, *arguments: object, hash_seed: int = 0) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": str(hash_seed), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> None:
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    root = tmp_path_factory.mktemp("mobile")
    first, again, untied = root / "first", root / "again", root / "untied"
    make_run(first)
    make_run(again)
    make_student(
        untied,
        seed=2,
        vocab_size=128,  # as many rows as gate and up have together
        tie_word_embeddings=False,
        head_dim=12,
        num_key_value_heads=1,
        rope_parameters=None,
        rope_theta=500.0,
    )
    oracles = [
        (first / "student" / "hf", root / "oracle.npz", WINDOW, *LENGTHS),
        (untied, root / "untied.npz", 16, 3, 9),
    ]
    children = [child(EXPORT, first, again, untied), child(ORACLE, *(",".join(map(str, oracle)) for oracle in oracles))]
    for process in children:
        finish(process)
    return Exported(first, again, untied, dict(np.load(root / "oracle.npz")), dict(np.load(root / "untied.npz")))


@pytest.fixture
def chat(exported: Exported) -> Chat:
    return Chat(exported.mobile, "fp32", runner="interpreter", constrain="off")


@pytest.fixture(scope="session")
def offers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose student is exported in every variant, and whose teacher is another model (llama3 rotary scaling).

    Its data has no functions, as a user's own data may have none; int4 of the student has a scale a row.
    """
    folder = tmp_path_factory.mktemp("offers") / "run"
    make_run(folder)
    (folder / "data" / "tools.json").write_text("[]")  # what the data stage writes without data.tools
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    rope = {"rope_theta": 1000.0, "original_max_position_embeddings": 32, **scaling}
    make_student(folder / "teacher", seed=3, rope_parameters=rope)
    shutil.copy(folder / "data" / "tokenizer" / "tokenizer.json", folder / "teacher")
    rows = [[{"role": "user", "content": text[:12]}, {"role": "assistant", "content": "ok"}] for text in SENTENCES]
    (folder / "data" / "val.jsonl").write_text("\n".join(json.dumps({"messages": row}) for row in rows))
    finish(child(OFFERS, folder))
    return folder
