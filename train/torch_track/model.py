"""The model that is fine-tuned: the base with the run's vocabulary, or a random one for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from train.atomic import sha256_file, sha256_json, whole_folder, write_text
from train.base_model import base_folder, local_folder
from train.chat import ChatTokenizer
from train.config.schema import LlamaShape, ModelConfig
from train.data.build import copy_tokenizer
from train.errors import UserError
from train.runs import RunFolder
from train.torch_track.embedding import keep_vocabulary
from train.torch_track.prune import prune, prune_config
from train.torch_track.start_weights import go_on_from

logging.disable_progress_bar()  # Tandem shows its own


def load_trainable(
    model: ModelConfig,
    tokenizer_folder: Path,
    seed: int,
    four_bit: BitsAndBytesConfig | None = None,
    initial: Path | None = None,
) -> LlamaForCausalLM:
    """The base model in fp32, its embedding cut to the run's vocabulary; or that model as another run left it.

    Args:
        tokenizer_folder: the run's data/tokenizer; its kept_ids.json, if any, maps new ids to the base's.
        four_bit: how the matrices of the layers are quantised (QLoRA); None: they are not.
        initial: teacher/ of another run with the same `model`, whose weights it has; None: the base's.

    Raises:
        UserError: the base is not a Llama-style model, tokenizer and embedding don't fit, or `initial` has another
            shape.
    """
    tokenizer = ChatTokenizer.load(tokenizer_folder)
    if initial is not None:
        loaded = go_on_from(initial, tokenizer_folder, planned_shape(model, tokenizer_folder))
        return _with_special_ids(loaded, tokenizer)
    if model.source == "random":
        assert model.shape is not None  # checked by the config
        return random_model(model.shape, tokenizer, seed)
    loaded = load_base(model, four_bit)
    if model.prune is not None:
        prune(loaded, model.prune)
    kept = tokenizer_folder / "kept_ids.json"
    if kept.exists():
        keep_vocabulary(loaded, json.loads(kept.read_text()))
    if loaded.config.vocab_size > tokenizer.vocab_size:  # padded: rows that no token has
        keep_vocabulary(loaded, list(range(tokenizer.vocab_size)))
    elif loaded.config.vocab_size < tokenizer.vocab_size:
        raise UserError(
            f"The tokenizer has {tokenizer.vocab_size} tokens, the embedding of {model.source!r} only "
            f"{loaded.config.vocab_size}: they don't belong together."
        )
    return _with_special_ids(loaded, tokenizer)


def load_base(model: ModelConfig, four_bit: BitsAndBytesConfig | None = None) -> LlamaForCausalLM:
    """The base model as it is, fp32. Raises UserError where there is none, it is no Llama, or its files are damaged."""
    folder = base_folder(model)
    try:
        return LlamaForCausalLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, quantization_config=four_bit
        )
    except MemoryError:
        raise
    except Exception as error:  # transformers raises many kinds, and for a misspelt config.json whatever comes of it
        raise unreadable(model, folder, error) from error


def unreadable(model: ModelConfig, folder: Path, error: Exception) -> UserError:
    text = " ".join(str(error).split())
    return UserError(
        f"model.source {model.source!r}: the model in {folder} can't be loaded ({type(error).__name__}: {text:.300}). "
        "Copy or download it again; its config.json must be that of its weights."
    )


def planned_shape(model: ModelConfig, tokenizer_folder: Path | None) -> LlamaConfig | None:
    """Shape of the model that will be trained, without fetching or loading it; None where the base isn't here yet.

    Args:
        tokenizer_folder: of the run; None before the data stage: the vocabulary is then the base's.
    """
    tokenizer = None if tokenizer_folder is None else ChatTokenizer.load(tokenizer_folder)
    if model.source == "random":
        assert model.shape is not None  # checked by the config
        return random_config(model.shape, tokenizer.vocab_size if tokenizer else model.vocab_size)
    folder = local_folder(model)
    if folder is None:
        return None
    try:
        config = LlamaConfig.from_pretrained(folder)
    except Exception as error:
        raise unreadable(model, folder, error) from error
    if model.prune is not None:
        prune_config(config, model.prune)
    if tokenizer is not None:
        config.vocab_size = tokenizer.vocab_size
    config.pad_token_id = None  # may lie outside a vocabulary that was cut
    return config


def untuned_folder(model: ModelConfig, run: RunFolder, seed: int) -> Path:
    """The base model as a Hugging Face folder, for comparing; a random one is written into the run folder."""
    if model.source != "random":
        return base_folder(model)
    folder, tokenizer = run.path / "base", run.data / "tokenizer"
    made_from = sha256_json([model.model_dump(mode="json"), seed, sha256_file(tokenizer / "tokenizer.json")])
    mark = folder / "made_from.txt"
    if not mark.exists() or mark.read_text(encoding="utf-8") != made_from:
        with whole_folder(folder) as temporary:
            load_trainable(model, tokenizer, seed).save_pretrained(temporary)
            copy_tokenizer(tokenizer, temporary)
            write_text(temporary / mark.name, made_from)
    return folder


def random_model(shape: LlamaShape, tokenizer: ChatTokenizer, seed: int) -> LlamaForCausalLM:
    """A Llama of this shape with random weights."""
    config = random_config(shape, tokenizer.vocab_size)
    set_special_ids(config, tokenizer)
    torch.manual_seed(seed)
    return LlamaForCausalLM(config)


def random_config(shape: LlamaShape, vocab_size: int) -> LlamaConfig:
    """transformers' config of this shape, embeddings tied."""
    return LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=shape.num_attention_heads,
        num_key_value_heads=shape.num_key_value_heads,
        rms_norm_eps=shape.rms_norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=True,
        max_position_embeddings=8192,
    )


def _with_special_ids(model: LlamaForCausalLM, tokenizer: ChatTokenizer) -> LlamaForCausalLM:
    set_special_ids(model.config, tokenizer)
    set_special_ids(model.generation_config, tokenizer)
    return model


def set_special_ids(config: Any, tokenizer: ChatTokenizer) -> None:
    config.bos_token_id = tokenizer.start_id
    config.eos_token_id = tokenizer.stop_id
    config.pad_token_id = tokenizer.pad_id
