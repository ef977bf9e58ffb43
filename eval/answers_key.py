"""What an engine's answers depend on: an evaluation takes up earlier answers only where all of it is the same."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from eval.engines.torch_engine import few_shot_examples
from train.atomic import sha256_file, sha256_json
from train.config.schema import Config
from train.runs import REPOSITORY, RunFolder, digests

SOURCES = ("eval/engines", "mobile/runtime", "train/chat.py", "train/copied_pieces.py")
LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "numpy",
    "tensorflow",
    "keras",
    "keras-hub",
    "jax",
    "ai-edge-litert",
    "litert-lm-api",
    "onnxruntime",
    "llama-cpp-python",
    "scikit-learn",
)
TEXTS = {"student-": ("mobile/tools.json", "mobile/tokenizer.json", "student/hf/tokenizer.json")}


def engine_key(engine: str, artifact_sha256: str, config: Config, run: RunFolder) -> str:
    """Hash of an engine as it answers here: artifact, tokenizers, tools, examples in its prompt, code and libraries.

    Args:
        engine: its id.
        artifact_sha256: of its weights, as the engine describes them.
    """
    names = next((found for start, found in TEXTS.items() if engine.startswith(start)), ())
    paths = [run.path / name for name in (*names, "data/tokenizer/tokenizer.json", "teacher/tokenizer.json")]
    texts = {str(path.relative_to(run.path)): sha256_file(path) for path in paths if path.exists()}
    examples = few_shot_examples(run.data / "train.jsonl", config.eval.few_shot) if engine == "base" else []
    code = {name: digest for path in SOURCES for name, digest in digests(REPOSITORY, path, "*.py").items()}
    return sha256_json([artifact_sha256, texts, examples, code, _libraries()])


def _libraries() -> dict[str, str]:
    """Versions of what engines run on; absent ones are left out."""
    found = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
