"""Who takes part, and what each needs: a file, and a library."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.bench.contestants import Contestant
from eval.bench.ondevice.files import Made
from train.errors import UserError


@dataclass(frozen=True)
class Entry:
    """A contestant of this benchmark."""

    contestant: Contestant
    runtime: str
    dtype: str
    kind: str  # of its file: who writes it (files.py)
    module: str  # to import
    library: str  # to install
    ours: bool = False

    @property
    def file(self) -> str:
        return self.contestant.how.partition(":")[0]


def tflite(dtype: str, runner: str, label: str, speculative: bool = False) -> Entry:
    """A file of ours on mobile/runtime."""
    work, how = ("SpeculativeTflite", ", speculative") if speculative else ("Tflite", "")
    contestant = Contestant(f"{label} {dtype}{how}", f"ondevice.tflite:{work}", f"{dtype}.tflite:{runner}")
    return Entry(contestant, label, dtype, "tflite", "ai_edge_litert", "ai-edge-litert", ours=True)


def _litertlm(dtype: str) -> Entry:
    contestant = Contestant(f"LiteRT-LM {dtype}", "ondevice.litertlm:LitertLm", f"{dtype}.litertlm")
    return Entry(contestant, "LiteRT-LM", dtype, "tflite", "litert_lm", "litert-lm-api", ours=True)


def gguf(name: str, dtype: str, work: str = "LlamaCpp", how: str = "") -> Entry:
    """A file of llama.cpp; `work` is a class of gguf_runner.py."""
    contestant = Contestant(f"llama.cpp {dtype}{how}", f"ondevice.gguf_runner:{work}", f"{name}.gguf")
    return Entry(contestant, "llama.cpp", dtype, "gguf", "llama_cpp", "llama-cpp-python")


ONNX = Contestant("ONNX Runtime fp32", "ondevice.onnx_runner:Onnx", "fp32.onnx")
KERASHUB = Contestant("KerasHub's own export", "ondevice.kerashub:KerasHubExport", "kerashub.tflite")
DTYPES = ("fp32", "int8", "int4", "int4-row")  # int4: a scale for 32 weights, as Q4_0 has; int4-row: a scale a row
ENTRIES: dict[str, Entry] = {
    **{f"interpreter-{dtype}": tflite(dtype, "interpreter", "Interpreter") for dtype in DTYPES},
    **{f"compiled-{dtype}": tflite(dtype, "compiled", "CompiledModel") for dtype in DTYPES},
    **{f"litertlm-{dtype}": _litertlm(dtype) for dtype in DTYPES},
    "llama-f32": gguf("f32", "f32"),
    "llama-q8": gguf("q8", "Q8_0"),
    "llama-q4": gguf("q4", "Q4_0"),
    "onnx-fp32": Entry(ONNX, "ONNX Runtime", "fp32", "onnx", "onnxruntime", "onnxruntime"),
    "kerashub-export": Entry(KERASHUB, "Interpreter", "fp32", "kerashub", "keras_hub", "keras-hub"),
}
REFERENCE = "interpreter-fp32"  # its ids are those the export's gates compare with the model's own
FLOAT = ("interpreter-fp32", "compiled-fp32", "llama-f32", "onnx-fp32")  # must choose as it does: the same work


def choose(names: Sequence[str]) -> dict[str, Entry]:
    """The named contestants, all without names. UserError for an unknown one."""
    unknown = [name for name in names if name not in ENTRIES]
    if unknown:
        raise UserError(f"--only has {unknown[0]!r}; known contestants: {', '.join(ENTRIES)}.")
    return {name: entry for name, entry in ENTRIES.items() if name in names or not names}


def without_library(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Contestants whose library is not installed, with the reason."""
    missing = {name: e.library for name, e in entries.items() if importlib.util.find_spec(e.module) is None}
    return {
        name: f"the library {library} is not installed: pip install -c constraints.txt -e '.[bench]'"
        for name, library in missing.items()
    }


def without_file(entries: Mapping[str, Entry], made: Made) -> dict[str, str]:
    """Contestants whose file could not be written, with the reason."""
    return {name: made[e.file]["error"] for name, e in entries.items() if "error" in made.get(e.file, {})}
