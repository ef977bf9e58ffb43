"""Rules about signatures: which there are, what their tensors are called, of which rank and type.

From LiteRT-LM's sources (litert_compiled_model_executor_utils.cc, llm_litert_compiled_model_executor.cc): `decode` by
its exact name, every signature that starts with "prefill" (its size read off the positions' shape), tensors by a
few known names. So litert-torch's files, which say the same in other layouts, pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from mobile.check.finding import EVERY, LITERT_JS, LITERT_LM, Fault, Rule, Severity
from mobile.check.tensor_names import EMBEDDINGS, FILLED, LOCAL_MASK, MASK, POSITIONS, TOKENS, find, is_cache, is_lora
from mobile.check.tflite_model import Signature, Tensor, TfliteModel

EXPORT_AGAIN = "Export with these names: inputs tokens, input_pos, mask and kv_cache_…, output logits of decode."


def missing_signatures(model: TfliteModel) -> Iterator[Fault]:
    if not model.signatures:
        lost = f", though it has {len(model.subgraphs)} subgraphs" if len(model.subgraphs) > 1 else ""
        yield Fault(
            "file",
            f"the file has no signatures{lost}: no runtime finds decode and prefill",
            "A tool has dropped them (quantisers do): quantise again with one that keeps them, from the float32 file.",
        )
        return
    names = ", ".join(sorted(model.signatures))
    if model.decode is None:
        yield Fault(
            "file", f"there is no signature 'decode', only {names}", "Export a signature 'decode' of one token."
        )
    if not model.prefills:
        yield Fault(
            "file", f"no signature starts with 'prefill', there is only {names}", "Export prefill_N signatures, too."
        )


def missing_tensors(model: TfliteModel) -> Iterator[Fault]:
    for signature in model.callable_signatures:
        here = signature.name
        if find(signature.inputs, (*TOKENS, *EMBEDDINGS)) is None:
            yield Fault(here, f"no input called {' or '.join(TOKENS)} (or embeddings)", EXPORT_AGAIN)
        if find(signature.inputs, POSITIONS) is None:
            yield Fault(here, f"no input called {' or '.join(POSITIONS)}", EXPORT_AGAIN)
        if here == "decode" and "logits" not in signature.outputs:
            yield Fault(here, f"no output called logits, only {', '.join(signature.outputs) or 'none'}", EXPORT_AGAIN)


def unfilled_inputs(model: TfliteModel) -> Iterator[Fault]:
    """Measured: LiteRT-LM 0.18.1 may answer all the same, with whatever such an input holds."""
    for signature in model.callable_signatures:
        for name in signature.inputs:
            if name not in FILLED and not is_cache(name) and not is_lora(name):
                yield Fault(signature.name, f"nothing fills the input '{name}': its name is not known", EXPORT_AGAIN)


def other_names(model: TfliteModel) -> Iterator[Fault]:
    """Prefills are called with the names that were found in decode."""
    if model.decode is None:
        return
    for signature in model.prefills:
        for names in (TOKENS, POSITIONS, MASK):
            here, there = ({name for name in names if name in s.inputs} for s in (signature, model.decode))
            if here != there and (here or names is not MASK):
                yield Fault(
                    signature.name,
                    f"its input is called {sorted(here) or 'otherwise'}, in decode {sorted(there) or 'there is none'}",
                    "Give the inputs the same names in every signature.",
                )


def wrong_ranks(model: TfliteModel) -> Iterator[Fault]:
    for signature in model.callable_signatures:
        for names, ranks in ((TOKENS, (2,)), (POSITIONS, (1, 2)), (MASK, (4,)), (LOCAL_MASK, (4,))):
            tensor = find(signature.inputs, names)
            if tensor is not None and len(tensor.shape) not in ranks:
                yield _rank(signature, names[0], tensor, " or ".join(map(str, ranks)))
        logits = signature.outputs.get("logits")
        if signature.name == "decode" and logits is not None and len(logits.shape) != 3:
            yield _rank(signature, "logits", logits, "3 (batch, tokens, vocabulary)")


def wrong_dtypes(model: TfliteModel) -> Iterator[Fault]:
    expected: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
        (TOKENS, ("INT32",)), (POSITIONS, ("INT32",)), (MASK, ("FLOAT32", "FLOAT16", "BOOL"))
    )  # fmt: skip
    for signature in model.callable_signatures:
        found = [(names[0], find(signature.inputs, names), types) for names, types in expected]
        if signature.name == "decode":
            found.append(("logits", signature.outputs.get("logits"), ("FLOAT32", "FLOAT16")))
        for name, tensor, types in found:
            if tensor is not None and tensor.dtype not in types:
                yield Fault(
                    signature.name,
                    f"{name} is {tensor.dtype.lower()}; it is filled and read as {' or '.join(types).lower()}",
                    f"Export {name} as {types[0].lower()}.",
                )


def web_dtypes(model: TfliteModel) -> Iterator[Fault]:
    for signature in model.callable_signatures:
        for name, tensor in (signature.inputs | signature.outputs).items():
            if tensor.dtype not in ("FLOAT32", "INT32"):
                yield Fault(
                    signature.name,
                    f"{name} is {tensor.dtype.lower()}: JavaScript has float32 and int32 tensors only",
                    "Export masks as float32 (added to the scores), ids and positions as int32.",
                )


def decode_first(model: TfliteModel) -> Iterator[Fault]:
    """Bindings without signatures (Flutter, React Native) can run subgraph 0 alone."""
    if model.decode is not None and model.decode.number != 0:
        yield Fault(
            "decode",
            f"decode is subgraph {model.decode.number}: Flutter's and React Native's bindings, which know no "
            "signatures, run subgraph 0 only, and so does the fast path of mobile/runtime",
            "Order the signatures by name before converting: decode comes before prefill_N.",
        )


def missing_version(model: TfliteModel) -> Iterator[Fault]:
    if not model.metadata.get("min_runtime_version", b"").strip(b"\0"):
        yield Fault(
            "file",
            "the metadata min_runtime_version is missing: no app can tell beforehand that its runtime is too old",
            "Convert with TensorFlow's or litert-torch's converter, and quantise with a tool that keeps metadata.",
        )


def _rank(signature: Signature, name: str, tensor: Tensor, ranks: str) -> Fault:
    return Fault(
        signature.name, f"{name} has shape {list(tensor.shape)}: rank {ranks} is needed", f"Export {name} of that rank."
    )


RULES = (
    Rule("signatures", Severity.ERROR, LITERT_LM, missing_signatures),
    Rule("tensor-names", Severity.ERROR, LITERT_LM, missing_tensors),
    Rule("unfilled-input", Severity.ERROR, LITERT_LM, unfilled_inputs),
    Rule("prefill-names", Severity.ERROR, LITERT_LM, other_names),
    Rule("ranks", Severity.ERROR, LITERT_LM, wrong_ranks),
    Rule("dtypes", Severity.ERROR, LITERT_LM, wrong_dtypes),
    Rule("dtypes-web", Severity.WARNING, LITERT_JS, web_dtypes),
    Rule("decode-first", Severity.WARNING, "bindings without signatures", decode_first),
    Rule("min-runtime-version", Severity.WARNING, EVERY, missing_version),
)
