"""The files of every runtime from one model, each written in a child process: TensorFlow and PyTorch share none.

python -m eval.bench.ondevice.files FOLDER KIND    KIND: tflite, gguf, onnx, kerashub

What could not be written stands with its reason in made-KIND.json, where the sizes stand too; a second run over the
same folder writes nothing again. The export's gates do not run here: they belong to `tandem export`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eval.bench.ondevice.workload import OndeviceWorkload, cache_bytes, model_config, read_workload, write_workload
from train.atomic import whole_file, write_json
from train.errors import TandemError, UserError
from train.progress import say
from train.runs import REPOSITORY

KINDS = ("tflite", "gguf", "onnx", "kerashub")
VERIFY = 8  # as export.verify
GGUF_TYPES = {"f32": "f32", "q8": "Q8_0", "q4": "Q4_0"}
Made = dict[str, dict[str, Any]]  # file name → bytes and read_bytes, or error


def make_files(folder: Path, kinds: list[str]) -> Made:
    """All files of these kinds in `folder`, whose workload.json is written."""
    made: Made = {}
    for kind in kinds:
        path = folder / f"made-{kind}.json"
        if not path.exists():
            command = [sys.executable, "-m", "eval.bench.ondevice.files", str(folder), kind]
            env = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1"}
            child = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
            if child.returncode:
                said = (child.stderr.strip().splitlines() or ["it said nothing"])[-1]
                raise TandemError(f"Writing the {kind} files ended with status {child.returncode}: {said}")
        made |= json.loads(path.read_text(encoding="utf-8"))
    return made


def files_of(folder: Path, workload: OndeviceWorkload, kinds: list[str]) -> Made:
    """The files of a workload in a folder that may be kept. UserError where it holds those of another one."""
    if not same_workload(folder, workload):
        if (folder / "workload.json").exists():
            raise UserError(f"{folder} holds the files of another workload. Name another folder, or delete it.")
        write_workload(folder, workload)
    say(f"bench: writing the files of {', '.join(kinds)} in {folder}, where they are not there yet")
    return make_files(folder, kinds)


class Folder:
    """Writes files into the benchmark's folder and notes what became of them."""

    def __init__(self, folder: Path) -> None:
        self.path, self.workload = folder, read_workload(folder)
        self.config = model_config(self.workload)
        self.made: Made = {}

    def write(
        self, name: str, work: Callable[[Path], None], cached: float, itemsize: int, beside: Callable[[], int] = int
    ) -> None:
        """`work` writes the file. A decode step reads its weights (all but `beside` bytes: a tokenizer), and `cached`
        tokens of the cache."""
        try:
            with whole_file(self.path / name) as temporary:
                work(temporary)
        except Exception as error:  # a library that can't do it is a result, not the end of the benchmark
            text = str(error) if isinstance(error, TandemError) else f"{type(error).__name__}: {error}"
            self.made[name] = {"error": " ".join(text.split())[:400]}
            return
        size = (self.path / name).stat().st_size
        read = round((size - beside()) * weights_read(self.config)) + cache_bytes(self.config, cached, itemsize)
        self.made[name] = {"bytes": size, "read_bytes": read}

    @property
    def filled(self) -> float:
        """Tokens in a cache that grows, on average over the answer."""
        return self.workload.prompt + self.workload.new / 2


def weights_read(config: dict[str, Any]) -> float:
    """Share of the weights that a decode step reads: an embedding table of its own gives one row only."""
    if config.get("tie_word_embeddings"):
        return 1.0
    heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
    head_dim = int(config.get("head_dim") or width // heads)
    groups = int(config.get("num_key_value_heads") or heads)
    layer = 2 * (heads + groups) * head_dim * width + 3 * width * int(config["intermediate_size"])
    table = int(config["vocab_size"]) * width
    whole = int(config["num_hidden_layers"]) * layer + 2 * table
    return (whole - table) / whole


def write_tflite(folder: Folder) -> None:
    """tflite-VARIANT.tflite, and each as .litertlm. Caches of the whole window, float32."""
    from mobile.export.convert import convert
    from mobile.export.litertlm import build_litertlm
    from mobile.export.quantize import BLOCK, quantize
    from mobile.export.weights import read_weights
    from train.chat import ChatTokenizer

    work, model = folder.workload, Path(folder.workload.model)
    weights, tokenizer = read_weights(model), ChatTokenizer.load(model)
    blocks_only = convert(weights, work.buckets, work.window)  # as the export does: no verify where it would not pay
    float_model = convert(weights, work.buckets, work.window, VERIFY)
    for variant in ("fp32", "int8", "int4", "int4-row"):

        def write(path: Path, variant: str = variant) -> None:
            kind, _, row = variant.partition("-")
            model, block = (blocks_only, BLOCK) if variant == "int4" else (float_model, None if row else BLOCK)
            path.write_bytes(model if kind == "fp32" else quantize(model, kind, weights.shape, block))

        def bundle(path: Path, variant: str = variant) -> None:
            stop, pad = [tokenizer.stop_id], tokenizer.pad_id
            source = folder.path / f"{variant}.tflite"
            path.write_bytes(build_litertlm(source, model / "tokenizer.json", stop, pad, work.window))

        folder.write(f"{variant}.tflite", write, work.window, 4)

        def beside(variant: str = variant) -> int:
            model, whole = (folder.path / f"{variant}.{ending}" for ending in ("tflite", "litertlm"))
            return whole.stat().st_size - model.stat().st_size

        folder.write(f"{variant}.litertlm", bundle, work.window, 4, beside)


def write_gguf(folder: Folder) -> None:
    """KIND.gguf; llama.cpp's cache is float16 and grows."""
    for kind in GGUF_TYPES:

        def write(path: Path, kind: str = kind) -> None:
            from eval.engines import gguf_file

            gguf_file.write_gguf(Path(folder.workload.model), path, kind)

        def beside(kind: str = kind) -> int:
            import gguf

            path = folder.path / f"{kind}.gguf"
            return path.stat().st_size - sum(int(t.n_bytes) for t in gguf.GGUFReader(path).tensors)

        folder.write(f"{kind}.gguf", write, folder.filled, 2, beside)


def write_onnx(folder: Folder) -> None:
    def write(path: Path) -> None:
        from eval.engines import onnx_file

        onnx_file.write_onnx(Path(folder.workload.model), path)

    folder.write("fp32.onnx", write, folder.filled, 4)


def write_kerashub(folder: Folder) -> None:
    """Random weights of the model's shape: whether the file runs does not depend on them."""

    def write(path: Path) -> None:
        import keras_hub  # type: ignore[import-untyped, unused-ignore]

        config = folder.config
        backbone = keras_hub.models.LlamaBackbone(
            vocabulary_size=config["vocab_size"],
            num_layers=config["num_hidden_layers"],
            num_query_heads=config["num_attention_heads"],
            num_key_value_heads=config["num_key_value_heads"],
            hidden_dim=config["hidden_size"],
            intermediate_dim=config["intermediate_size"],
            tie_word_embeddings=bool(config.get("tie_word_embeddings")),
        )
        model = keras_hub.models.LlamaCausalLM(backbone=backbone, preprocessor=None)
        written = path.with_name("kerashub-export.tflite")  # it wants the ending
        model.export(str(written), format="litert", verbose=False)
        written.replace(path)

    folder.write("kerashub.tflite", write, 0, 4)


WRITERS = {"tflite": write_tflite, "gguf": write_gguf, "onnx": write_onnx, "kerashub": write_kerashub}


def fill(path: Path, kind: str) -> None:
    """Writes the files of a kind, then made-KIND.json."""
    folder = Folder(path)
    WRITERS[kind](folder)
    write_json(path / f"made-{kind}.json", folder.made)


def same_workload(folder: Path, workload: OndeviceWorkload) -> bool:
    """Whether the files in `folder` are of this workload."""
    return (folder / "workload.json").exists() and read_workload(folder) == workload


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    fill(Path(sys.argv[1]), sys.argv[2])
