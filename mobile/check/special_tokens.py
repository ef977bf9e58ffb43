"""Rules about start, stop and padding tokens of a .litertlm file, against its tokenizer and the logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mobile.check.chat_template import RenderError, render, start_text
from mobile.check.finding import LITERT_LM, Fault, Rule, Severity
from mobile.check.litertlm_file import LitertlmFile
from mobile.check.tflite_model import TfliteModel

Bundle = tuple[LitertlmFile, TfliteModel]


def missing_stop(file: LitertlmFile) -> Iterator[Fault]:
    """No session can be opened without a stop token."""
    if file.metadata is not None and not any(_ids(file, token) for token in file.metadata.stop_tokens):
        told = [token.token_str for token in file.metadata.stop_tokens]
        yield Fault(
            "LlmMetadata",
            f"no stop token{f' that the tokenizer knows, only {told}' if told else ''}: "
            "LiteRT-LM answers 'Stop tokens are required', or generates until the cache is full",
            "Set stop_tokens to the id that ends an answer (here: that of <|im_end|>).",
        )


def split_stop(file: LitertlmFile) -> Iterator[Fault]:
    """A stop string of several ids is compared id by id, and the model may write it in other ids."""
    if file.metadata is None or file.tokenizer is None:
        return
    for token in file.metadata.stop_tokens:
        text, ids = token.token_str, _ids(file, token)
        if text and len(ids) > 1:
            yield Fault(
                "LlmMetadata",
                f"the stop token {text!r} is no token of the vocabulary, but {len(ids)} of them: {ids}",
                "Name a special token of the tokenizer, or give its id.",
            )


def needless_start(file: LitertlmFile) -> Iterator[Fault]:
    """A start token goes before every prompt, whether or not the model has learnt with one."""
    if file.metadata is None or not file.metadata.HasField("start_token"):
        return
    ids = _ids(file, file.metadata.start_token)
    if not ids and (file.tokenizer is not None or not file.metadata.start_token.token_str):
        yield Fault(
            "LlmMetadata",
            "the start token is empty or unknown to the tokenizer: the process aborts at the first prompt",
            "Leave start_token out, or give an id.",
        )
    elif file.tokenizer is not None and ids[:1] != _prepended(file.tokenizer)[:1] and not _template_starts(file):
        yield Fault(
            "LlmMetadata",
            f"the start token {ids} goes before every prompt, but neither tokenizer nor template begins with it: "
            "the model reads a token it has not learnt there",
            "Leave start_token out.",
        )


def forgotten_start(file: LitertlmFile) -> Iterator[Fault]:
    """LiteRT-LM does not run the tokenizer's post-processor; the start token comes from the metadata alone."""
    if file.metadata is None or file.tokenizer is None or file.metadata.HasField("start_token"):
        return
    prepended = _prepended(file.tokenizer)
    if prepended:
        yield Fault(
            "LlmMetadata",
            f"the tokenizer puts {prepended} before a text, LiteRT-LM will not: no start_token is set",
            "Set start_token to that id if the model has learnt with it.",
        )


def foreign_tokenizer(bundle: Bundle) -> Iterator[Fault]:
    """Ids beyond the logits are of another model's tokenizer."""
    file, model = bundle
    logits = model.decode.outputs.get("logits") if model.decode else None
    vocabulary = logits.shape[-1] if logits is not None and logits.shape else -1
    if vocabulary < 1:
        return
    if file.tokenizer is not None and file.tokenizer.get_vocab_size() > vocabulary:
        yield Fault(
            "tokenizer",
            f"the tokenizer has {file.tokenizer.get_vocab_size()} tokens, the model {vocabulary}: it is another's",
            "Bundle the tokenizer.json that was exported with the model.",
        )
    if file.metadata is not None:
        told = [*file.metadata.stop_tokens, file.metadata.start_token, file.metadata.pad_token]
        for beyond in sorted({token for entry in told for token in entry.token_ids.ids if not 0 <= token < vocabulary}):
            yield Fault(
                "LlmMetadata", f"token id {beyond} is outside the vocabulary of {vocabulary}", "Correct the id."
            )


def _ids(file: LitertlmFile, token: Any) -> list[int]:
    """As LiteRT-LM resolves a token: by id, by name, else as a text."""
    if token.token_ids.ids:
        return list(token.token_ids.ids)
    if not token.token_str:
        return []
    if file.tokenizer is None:
        return [-1]  # a SentencePiece tokenizer is not read here: taken as known
    known = file.tokenizer.token_to_id(token.token_str)
    ids: list[int] = file.tokenizer.encode(token.token_str, add_special_tokens=False).ids if known is None else [known]
    return ids


def _prepended(tokenizer: Any) -> list[int]:
    """Ids that the tokenizer's post-processor puts before a text."""
    plain, whole = (list(tokenizer.encode("a", add_special_tokens=special).ids) for special in (False, True))
    length = len(plain)
    at = next((i for i in range(len(whole) - length + 1) if whole[i : i + length] == plain), 0) if length else 0
    return whole[:at]


def _template_starts(file: LitertlmFile) -> bool:
    """Whether the template begins with the start token: LiteRT-LM renders it empty and puts the token back."""
    start = start_text(file)
    try:
        return bool(start) and render(file, [{"role": "user", "content": "x"}]).startswith(start)
    except RenderError:
        return False


RULES = (
    Rule("stop-tokens", Severity.ERROR, LITERT_LM, missing_stop),
    Rule("stop-token-split", Severity.WARNING, LITERT_LM, split_stop),
    Rule("start-token", Severity.ERROR, LITERT_LM, needless_start),
    Rule("start-token-missing", Severity.WARNING, LITERT_LM, forgotten_start),
)
RULES_WITH_MODEL = (Rule("vocabulary", Severity.ERROR, LITERT_LM, foreign_tokenizer),)
