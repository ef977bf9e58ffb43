"""A rule about verify_N, with which mobile/runtime decodes speculatively. Signatures called `verify` without a
number are other makers', and other runtimes' business."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mobile.check.finding import PROJECT, Fault, Rule, Severity
from mobile.check.tensor_names import caches, length, window
from mobile.check.tflite_model import Signature, TfliteModel

NAME = re.compile(r"verify_([1-9][0-9]*)")


def unusable_verify(model: TfliteModel) -> Iterator[Fault]:
    """It reads as many tokens as its name says, within the window, gives logits after each, and has decode's caches."""
    for name, signature in sorted(model.signatures.items()):
        if match := NAME.fullmatch(name):
            for message in _faults(signature, int(match[1]), model.decode):
                yield Fault(name, message, "Export again (export.verify), or leave the signature out: null.")


def _faults(signature: Signature, size: int, decode: Signature | None) -> Iterator[str]:
    if length(signature) != size:
        yield f"it reads {length(signature)} tokens, not {size}"
    entries = window(signature)
    if entries is not None and size > entries:
        yield f"it reads {size} tokens, the cache has {entries} entries"
    logits = signature.outputs.get("logits")
    if logits is None or len(logits.shape) != 3 or logits.shape[1] != size:
        shape = "there are none" if logits is None else f"they have the shape {list(logits.shape)}"
        yield f"logits [1, {size}, V] are needed, a row after each token; {shape}"
    if decode is not None:
        here, there = (
            {name: tensor.shape for name, tensor in caches(side).items()} for side in (signature.inputs, decode.inputs)
        )
        if here != there:
            yield "its caches are not those of decode"
        wide = decode.outputs.get("logits")
        if logits is not None and wide is not None and logits.shape[-1:] != wide.shape[-1:]:
            yield f"its logits are {logits.shape[-1]} wide, those of decode {wide.shape[-1]}"


RULES = (Rule("verify", Severity.ERROR, PROJECT, unusable_verify),)
