"""Rules about the KV cache: names, shapes, the window, and how new rows get into it.

LiteRT-LM gives one buffer a name to the input and the output of every signature, fills the mask for the
window it has read off the mask (or the key cache), and runs prompts padded to a bucket with token 0 at position 0.
"""

from __future__ import annotations

from collections.abc import Iterator

from mobile.check.finding import LITERT_LM, Fault, Rule, Severity
from mobile.check.tensor_names import KEYS, VALUES, caches, length, window
from mobile.check.tflite_model import Signature, TfliteModel

SMALL_BUCKET = 8
SCATTERS = {"SCATTER_ND", "STABLEHLO_SCATTER"}
BLENDS = {"SELECT", "SELECT_V2", "ADD", "MUL", "SUB", "ONE_HOT"}


def cache_names(model: TfliteModel) -> Iterator[Fault]:
    """Each cache goes in and comes out under one name, the same in every signature, keys and values in pairs."""
    cure = "Name the caches kv_cache_k_0, kv_cache_v_0, … alike among the inputs and outputs of every signature."
    signatures = model.callable_signatures
    for signature in signatures:
        inputs, outputs = set(caches(signature.inputs)), set(caches(signature.outputs))
        if not inputs:
            yield Fault(signature.name, "no cache inputs (kv_cache_k_0, kv_cache_v_0, … or k_cache_0, …)", cure)
        elif inputs != outputs:
            yield Fault(signature.name, f"caches only in or only out: {_few(inputs ^ outputs)}", cure)
        elif inputs != set(caches(signatures[0].inputs)):
            there = set(caches(signatures[0].inputs))
            yield Fault(signature.name, f"other caches than {signatures[0].name}: {_few(inputs ^ there)}", cure)
        keys, values = (sum(name.startswith(prefix) for name in inputs) for prefix in (KEYS, VALUES))
        if keys != values:
            yield Fault(signature.name, f"{keys} key caches, but {values} value caches", cure)


def cache_shapes(model: TfliteModel) -> Iterator[Fault]:
    """A cache has one shape and type everywhere, batch 1, and the window of the mask as one of its sizes."""
    cure = "Export every signature with caches of one shape: keys [1, KV, S, D], values [1, KV, D, S]."
    known = {name: (t.shape, t.dtype) for s in model.callable_signatures[:1] for name, t in caches(s.inputs).items()}
    for signature in model.callable_signatures:
        size = window(signature)
        for side, tensors in (("input", signature.inputs), ("output", signature.outputs)):
            for name, tensor in caches(tensors).items():
                expected, dtype = known.get(name, (tensor.shape, tensor.dtype))
                if (tensor.shape, tensor.dtype) != (expected, dtype):
                    message = (
                        f"{side} {name} is {tensor.dtype.lower()} {list(tensor.shape)}, elsewhere "
                        f"{dtype.lower()} {list(expected)}: one buffer serves both"
                    )
                    yield Fault(signature.name, message, cure)
                elif side == "input" and name.startswith((*KEYS, *VALUES)) and not _holds(tensor.shape, size):
                    message = f"{name} {list(tensor.shape)} has no size {size}, the window that the runtime reads"
                    yield Fault(signature.name, message, cure)


def misread_window(model: TfliteModel) -> Iterator[Fault]:
    """Without a mask the window is size 2 of the key cache: right for [1, KV, S, D], wrong for [1, S, KV, D]."""
    for signature in model.callable_signatures:
        if _misread(signature):
            yield Fault(
                signature.name,
                f"there is no mask input, so the window is taken for {window(signature)}, size 2 of the key cache",
                "Export with the mask as an input (litert-torch: mask_as_input), or with keys as [1, KV, S, D].",
            )


def bucket_sizes(model: TfliteModel) -> Iterator[Fault]:
    """A prefill of more tokens than the cache has entries is never called."""
    for signature in model.prefills:
        tokens, size = length(signature), window(signature)
        if tokens is not None and size is not None and tokens > size and not _misread(signature):
            yield Fault(
                signature.name,
                f"it reads {tokens} tokens, the cache has {size} entries: the write is clamped over earlier tokens",
                "Export with buckets no larger than the window.",
            )


def small_bucket(model: TfliteModel) -> Iterator[Fault]:
    """Near the window's end only a small bucket still fits."""
    sizes = [size for size in map(length, model.prefills) if size is not None]
    if sizes and min(sizes) > SMALL_BUCKET:
        yield Fault(
            "file",
            f"the smallest prefill reads {min(sizes)} tokens: a prompt that ends fewer tokens before the window's end "
            "fails with 'exceeds available state entries', and short prompts pay for the padding",
            f"Export a small bucket, too, e.g. prefill: [{SMALL_BUCKET}, {min(sizes)}].",
        )


def named_size(model: TfliteModel) -> Iterator[Fault]:
    """mobile/runtime, and many an app, reads the size off the name."""
    for signature in model.prefills:
        suffix = signature.name.removeprefix("prefill_")
        if suffix.isdigit() and length(signature) not in (None, int(suffix)):
            yield Fault(
                signature.name, f"it reads {length(signature)} tokens, not {suffix}", "Name it after its tokens."
            )


def cache_writes(model: TfliteModel) -> Iterator[Fault]:
    """New rows must go in as one slice: the padding of a bucket carries position 0 and would overwrite row 0."""
    cure = "Write the rows with one dynamic_update_slice at input_pos[0]."
    for signature in model.callable_signatures:
        for name in caches(signature.inputs).keys() & caches(signature.outputs).keys():
            path = operators_between(signature, name)
            if path is None:
                yield Fault(signature.name, f"{name} out does not depend on {name} in: earlier tokens are lost", cure)
            elif not path:
                yield Fault(signature.name, f"{name} goes out as it came in: no token is remembered", cure)
            elif length(signature) != 1 and "DYNAMIC_UPDATE_SLICE" not in path and path & (SCATTERS | BLENDS):
                kind = "a scatter" if path & SCATTERS else "a one-hot blend"
                message = f"{name} is written by {kind} ({_few(path)}): padding overwrites row 0, the text is wrong"
                yield Fault(signature.name, message, cure)


def operators_between(signature: Signature, cache: str) -> set[str] | None:
    """Names of the operators on the ways from the cache's input to its output; None where no way leads there."""
    start, end = signature.inputs[cache].index, signature.outputs[cache].index
    below, used = {start}, []
    for operator in signature.graph.operators:  # stored in the order of execution
        if below & set(operator.inputs):
            below |= set(operator.outputs)
            used.append(operator)
    if end not in below:
        return None
    above, path = {end}, set()
    for operator in reversed(used):
        if above & set(operator.outputs):
            above |= below & set(operator.inputs)
            path.add(operator.name)
    return path


def _misread(signature: Signature) -> bool:
    """The key cache is [1, S, KV, D], and nothing but it tells the window."""
    keys = [t.shape for name, t in signature.inputs.items() if name.startswith(KEYS) and len(t.shape) == 4]
    return bool(keys) and not any("mask" in name for name in signature.inputs) and keys[0][1] > keys[0][2] > 0


def _holds(shape: tuple[int, ...], size: int | None) -> bool:
    return size is None or -1 in shape or size in shape


def _few(names: set[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")


RULES = (
    Rule("cache-names", Severity.ERROR, LITERT_LM, cache_names),
    Rule("cache-shapes", Severity.ERROR, LITERT_LM, cache_shapes),
    Rule("window", Severity.ERROR, LITERT_LM, misread_window),
    Rule("bucket-size", Severity.ERROR, LITERT_LM, bucket_sizes),
    Rule("small-bucket", Severity.WARNING, LITERT_LM, small_bucket),
    Rule("bucket-name", Severity.WARNING, "mobile/runtime", named_size),
    Rule("cache-write", Severity.ERROR, LITERT_LM, cache_writes),
)
