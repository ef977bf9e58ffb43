"""Trims a byte-level BPE tokenizer to the tokens that the training rows need.

The vocabulary is most of a small model: 49,152 × 576 = 28.3 M of SmolLM2-135M's 134.5 M weights. Kept are every byte
token (so any text still encodes), the chat template's special tokens, the tokens seen, and all that BPE merges on its
way to them. Merges are irrevocable, so whatever a training text merges on its way lies inside one of its final tokens:
with those merges kept, no text whose tokens are all kept is tokenised differently.

A name is copied from the middle of a sentence (" lamp") to the beginning of a JSON string ("lamp"), so each kept token
keeps its twin with or without the space before it: of the names of the test set T3 85 % instead of 76 % are then split
into the same pieces in both places (tokens of 300 of 100,000 rows kept; vocabulary 1,472 instead of 1,152). Where rare
tokens go anyway (data.min_token_count), `paired` leaves out every token with a space that has no twin ("Ġsevent" of
"seventh") as well: the first piece of any name is then the same text with and without the space, and copied_pieces.py
teaches the other pieces to be the same, too. Texts with such tokens are then split otherwise than by the base.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from train.chat import PAD, START, STOP
from train.copied_pieces import SPACE
from train.errors import UserError

ROUND_TO = 64  # vocabulary sizes that are multiples of 64 suit matrix products on every device


@dataclass(frozen=True)
class TrimmedVocabulary:
    """A trimmed tokenizer and, for each new id, the id in the base vocabulary."""

    tokenizer_json: str
    kept_ids: list[int]


def trim_vocabulary(tokenizer_json: str, used_ids: Iterable[int], paired: bool = False) -> TrimmedVocabulary:
    """Keeps `used_ids`, the bytes, the special tokens and the merges between them; fills up to a multiple of 64.

    Args:
        tokenizer_json: text of a tokenizer.json with a byte-level BPE model.
        used_ids: ids that must stay.
        paired: what begins a word and has no twin without its space stays only as a part of what has one.

    Raises:
        UserError: the tokenizer is of another kind.
    """
    state = json.loads(tokenizer_json)
    model = state["model"]
    if model["type"] != "BPE" or model.get("byte_fallback") or "ByteLevel" not in json.dumps(state["pre_tokenizer"]):
        raise UserError(
            f"data.trim_vocabulary works on byte-level BPE tokenizers; this one is {model['type']}. "
            "Set data.trim_vocabulary: false."
        )
    vocab: dict[str, int] = model["vocab"]
    merges = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in model["merges"]]
    specials = {token["content"]: token["id"] for token in state["added_tokens"]}
    lonely = {number for token, number in vocab.items() if paired and _lonely(token, vocab)}
    kept = _closure(vocab, merges, specials, _with_twins(vocab, set(used_ids) - lonely))
    _fill(vocab, merges, kept, lonely)
    order = sorted(kept)
    new_id = {old: new for new, old in enumerate(order)}
    token_of = {old: token for token, old in (vocab | specials).items()}
    model["vocab"] = {token_of[old]: new_id[old] for old in order}
    model["merges"] = [list(merge) for merge in merges if _result_kept(merge, vocab, kept)]
    state["added_tokens"] = [
        token | {"id": new_id[token["id"]]} for token in state["added_tokens"] if token["id"] in kept
    ]
    state["post_processor"] = _without_ids(state.get("post_processor"))
    return TrimmedVocabulary(json.dumps(state, ensure_ascii=False), order)


def _without_ids(processor: dict[str, Any] | None) -> dict[str, Any] | None:
    """A post-processor without the parts that put special tokens around a text, by ids of the base. The chat template
    places its own."""
    if processor is None:
        return None
    if processor["type"] == "Sequence":
        kept = [part for part in map(_without_ids, processor["processors"]) if part is not None]
        return processor | {"processors": kept} if kept else None
    harmless = processor["type"] == "ByteLevel" or processor.get("special_tokens") == {}
    return processor if harmless else None


def _lonely(token: str, vocab: dict[str, int]) -> bool:
    return token.startswith(SPACE) and token[1:2].isalpha() and token[1:] not in vocab


def _with_twins(vocab: dict[str, int], used: set[int]) -> set[int]:
    """`used`, and for each of these tokens the one with, or without, a leading space, where the base has it."""
    token_of = {token_id: token for token, token_id in vocab.items()}
    texts = [token_of[token_id] for token_id in used if token_id in token_of]
    twins = (text[1:] if text.startswith(SPACE) else SPACE + text for text in texts)
    return used | {vocab[twin] for twin in twins if twin in vocab}


def _closure(
    vocab: dict[str, int], merges: list[tuple[str, ...]], specials: dict[str, int], used: set[int]
) -> set[int]:
    """`used` plus bytes, template tokens, and the parts of every kept token."""
    parts: dict[int, list[tuple[int, int]]] = {}
    for left, right in merges:
        parts.setdefault(vocab[left + right], []).append((vocab[left], vocab[right]))
    kept = used | {specials[token] for token in (PAD, START, STOP) if token in specials}
    special_ids = set(specials.values())
    kept |= {token_id for token, token_id in vocab.items() if len(token) == 1 and token_id not in special_ids}
    queue = list(kept)
    while queue:
        for pair in parts.get(queue.pop(), ()):
            for token_id in pair:
                if token_id not in kept:
                    kept.add(token_id)
                    queue.append(token_id)
    return kept


def _result_kept(merge: tuple[str, ...], vocab: dict[str, int], kept: set[int]) -> bool:
    return all(vocab[token] in kept for token in (*merge, "".join(merge)))


def _fill(vocab: dict[str, int], merges: list[tuple[str, ...]], kept: set[int], never: set[int]) -> None:
    """Adds the most frequent further merges, but none of `never`, until the size is a multiple of ROUND_TO."""
    for left, right in merges:  # in the order they were learned: frequent first
        if len(kept) % ROUND_TO == 0:
            return
        if vocab[left] in kept and vocab[right] in kept and vocab[left + right] not in never:
            kept.add(vocab[left + right])
