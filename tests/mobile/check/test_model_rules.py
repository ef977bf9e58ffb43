"""Each rule about a .tflite file on a good file, where it is silent, and on a file that is broken in one place."""

from __future__ import annotations

import random

import pytest
from ai_edge_litert.schema_py_generated import BuiltinOperator, TensorType

from mobile.check.finding import Finding, Severity, apply_rules
from mobile.check.linter import MODEL_RULES
from mobile.check.tflite_model import DamagedFileError, read_tflite
from tests.mobile.check.editing import (
    Edit,
    as_operator,
    copy_of_table,
    decode_last,
    edited,
    renamed,
    table_in_float,
    with_custom,
    with_int4,
    with_output,
    with_signature,
    with_tensor,
    with_version,
    without_mask,
)

K0, V0 = "kv_cache_k_0", "kv_cache_v_0"
WRITE = BuiltinOperator.DYNAMIC_UPDATE_SLICE
PRODUCT, LOOKUP = BuiltinOperator.FULLY_CONNECTED, BuiltinOperator.EMBEDDING_LOOKUP


def no_signatures(root: object) -> None:
    root.signatureDefs = []  # type: ignore[attr-defined]


def no_metadata(root: object) -> None:
    root.metadata = []  # type: ignore[attr-defined]


def int8_without_its_scales(root: object) -> None:
    for graph in root.subgraphs:  # type: ignore[attr-defined]
        for tensor in graph.tensors:
            if tensor.quantization is not None and tensor.quantization.scale is not None:
                tensor.quantization.scale = list(tensor.quantization.scale[:1])


def both(first: Edit, second: Edit) -> Edit:
    return lambda root: [first(root), second(root)]


# rule, what its message must say, variant, edit
BROKEN: list[tuple[str, str, str, Edit]] = [
    ("custom-op", "FlexErf", "fp32", with_custom("FlexErf")),
    ("custom-op", "odml.update", "fp32", with_custom("odml.update")),
    ("op-version", "FULLY_CONNECTED version 99", "fp32", with_version(PRODUCT, 99)),
    ("op-version-tflite-runtime", "FULLY_CONNECTED version 12: it knows versions up to 10", "int8",
     with_version(PRODUCT, 12)),
    ("op-version-tflite-runtime", "does not know", "fp32", as_operator(WRITE, BuiltinOperator.STABLEHLO_COMPOSITE)),
    ("signatures", "no signatures, though it has 4 subgraphs", "int8", no_signatures),
    ("signatures", "no signature 'decode'", "fp32", with_signature("decode", "serving_default")),
    ("tensor-names", "tokens", "fp32", renamed("tokens", "ids")),
    ("tensor-names", "input_pos", "fp32", renamed("input_pos", "position")),
    ("tensor-names", "logits", "fp32", renamed("logits", "scores")),
    ("unfilled-input", "'attention'", "fp32", renamed("mask", "attention")),
    ("prefill-names", "token_ids", "fp32", renamed("tokens", "token_ids", ("prefill_4",))),
    ("prefill-names", "attn_mask", "fp32", renamed("mask", "attn_mask", ("decode",))),
    ("ranks", "mask has shape [1, 1, 48]", "fp32", with_tensor("decode", "mask", shape=[1, 1, 48])),
    ("ranks", "logits has shape [1, 300]", "fp32", with_tensor("decode", "logits", "outputs", shape=[1, 300])),
    ("dtypes", "tokens is int64", "fp32", with_tensor("decode", "tokens", type=TensorType.INT64)),
    ("dtypes", "logits is int8", "fp32", with_tensor("decode", "logits", "outputs", type=TensorType.INT8)),
    ("dtypes-web", "mask is bool", "fp32", with_tensor("prefill_4", "mask", type=TensorType.BOOL)),
    ("decode-first", "subgraph 3", "fp32", decode_last),
    ("min-runtime-version", "missing", "fp32", no_metadata),
    ("cache-names", "only in or only out: kv_cache_k_0, kv_cache_k_9", "fp32",
     renamed(K0, "kv_cache_k_9", sides=("outputs",))),
    ("cache-names", "other caches than decode", "fp32", renamed(K0, "kv_cache_k_9", ("prefill_4",))),
    ("cache-names", "3 key caches, but 1 value caches", "fp32", renamed(V0, "kv_cache_k_7")),
    ("cache-names", "no cache inputs", "fp32", lambda root: [
        renamed(f"kv_cache_{side}_{i}", f"past_{side}_{i}")(root) for side in "kv" for i in range(2)]),
    ("cache-shapes", "[1, 2, 40, 8]", "fp32", with_tensor("prefill_4", K0, shape=[1, 2, 40, 8])),
    ("cache-shapes", "float16", "fp32", with_tensor("decode", V0, "outputs", type=TensorType.FLOAT16)),
    ("cache-shapes", "no size 40", "fp32", with_tensor("prefill_4", "mask", shape=[1, 1, 4, 40])),
    ("window", "taken for 2", "fp32", without_mask),
    ("bucket-size", "64 tokens, the cache has 48", "fp32", with_tensor("prefill_16", "input_pos", shape=[64])),
    ("small-bucket", "reads 16 tokens", "fp32", with_signature("prefill_4", None)),
    ("bucket-name", "4 tokens, not 5", "fp32", with_signature("prefill_4", "prefill_5")),
    ("cache-write", "by a scatter (SCATTER_ND)", "fp32", as_operator(WRITE, BuiltinOperator.SCATTER_ND)),
    ("cache-write", "by a one-hot blend (SELECT_V2)", "fp32", as_operator(WRITE, BuiltinOperator.SELECT_V2)),
    ("cache-write", "goes out as it came in", "fp32", with_output("decode", K0, K0)),
    ("cache-write", "earlier tokens are lost", "fp32", with_output("prefill_4", K0, V0)),
    ("silent-zeros", "FULLY_CONNECTED with int8 weights per channel", "int8", lambda root: None),
    ("verify", "it reads 8 tokens, not 6", "fp32", with_signature("verify_8", "verify_6")),
    ("verify", "it reads 64 tokens, not 8", "fp32", with_tensor("verify_8", "input_pos", shape=[64])),
    ("verify", "[1, 8, V] are needed, a row after each token; they have the shape [1, 1, 300]", "fp32",
     with_tensor("verify_8", "logits", "outputs", shape=[1, 1, 300])),
    ("verify", "its logits are 200 wide, those of decode 300", "fp32",
     with_tensor("verify_8", "logits", "outputs", shape=[1, 8, 200])),
    ("verify", "there are none", "fp32", renamed("logits", "scores", ("verify_8",))),
    ("verify", "its caches are not those of decode", "fp32", renamed(K0, "kv_cache_k_9", ("verify_8",))),
    ("silent-zeros", "FULLY_CONNECTED with int4 weights by blocks", "int8", with_int4(PRODUCT, blockwise=True)),
    ("int4-kernel", "EMBEDDING_LOOKUP with int4", "int8", with_int4(LOOKUP, blockwise=False)),
    ("int4-drift", "int4 weights by blocks", "int8", with_int4(PRODUCT, blockwise=True)),
    ("stored-twice", "[300, 32] is stored 2 times", "int8", copy_of_table),
    ("float-table", "[300, 32] is float32, 0.04 MB, beside the same table in integers", "int8", table_in_float),
]  # fmt: skip


def lint(model: bytes) -> list[Finding]:
    return apply_rules(MODEL_RULES, read_tflite(model))


def test_float32_export_has_no_finding(models: dict[str, bytes]) -> None:
    assert lint(models["fp32"]) == []
    assert lint(edited(models["fp32"], lambda root: None)) == []


def test_int8_export_is_wrong_on_the_old_runtime_alone(models: dict[str, bytes]) -> None:
    findings = lint(models["int8"])
    assert [(f.rule, f.severity, f.runtime) for f in findings] == [
        ("silent-zeros", Severity.WARNING, "tflite-runtime 2.14")
    ]


@pytest.mark.parametrize(
    ("rule", "message", "variant", "edit"), BROKEN, ids=[f"{b[0]}-{i}" for i, b in enumerate(BROKEN)]
)
def test_broken_file(rule: str, message: str, variant: str, edit: Edit, models: dict[str, bytes]) -> None:
    findings = [finding for finding in lint(edited(models[variant], edit)) if finding.rule == rule]
    assert any(message in finding.message for finding in findings), findings
    severity = next(known.severity for known in MODEL_RULES if known.id == rule)
    assert all(finding.severity is severity and finding.cure for finding in findings)


def test_every_rule_has_a_broken_file() -> None:
    assert {rule.id for rule in MODEL_RULES} == {broken[0] for broken in BROKEN}


@pytest.mark.parametrize(
    ("rule", "variant", "edit"),
    [
        ("custom-op", "fp32", with_custom("TFLite_Detection_PostProcess")),  # registered in every interpreter
        ("silent-zeros", "int8", int8_without_its_scales),  # one scale a tensor: right on tflite-runtime 2.14
        ("silent-zeros", "int8", both(with_version(PRODUCT, 12), with_version(LOOKUP, 4))),  # refused, so not silent
        ("int4-drift", "int8", with_int4(PRODUCT, blockwise=False)),
        ("tensor-names", "fp32", both(renamed("tokens", "token_ids"), renamed("mask", "attn_mask"))),
        ("unfilled-input", "fp32", renamed("mask", "local_mask")),
        ("dtypes", "fp32", with_tensor("prefill_4", "mask", type=TensorType.BOOL)),  # LiteRT-LM fills booleans
        ("cache-names", "fp32", lambda root: [
            renamed(f"kv_cache_{side}_{i}", f"{side}_cache_{i}")(root) for side in "kv" for i in range(2)]),
        ("bucket-name", "fp32", with_signature("prefill_4", "prefill")),
        ("ranks", "fp32", with_tensor("prefill_4", "input_pos", shape=[1, 4])),
        ("verify", "fp32", with_signature("verify_8", None)),
        ("verify", "fp32", both(with_signature("verify_8", "verify"), renamed("logits", "scores", ("verify",)))),
    ],
)  # fmt: skip
def test_what_a_runtime_accepts_passes(rule: str, variant: str, edit: Edit, models: dict[str, bytes]) -> None:
    assert rule not in [finding.rule for finding in lint(edited(models[variant], edit))]


def test_an_operator_on_a_tensor_that_is_not_there_is_damage(models: dict[str, bytes]) -> None:
    def beyond(root: object) -> None:
        root.subgraphs[-1].operators[0].inputs[0] = 9999  # type: ignore[attr-defined]

    with pytest.raises(DamagedFileError, match="names tensor 9999 of"):
        lint(edited(models["int8"], beyond))


def test_flipped_bits_never_crash_the_reader(models: dict[str, bytes]) -> None:
    """The verifier of the runtime comes first (test_check_tflite.py); what gets past it may still be nonsense."""
    chance = random.Random(3)
    survived = 0
    for _ in range(30):
        data = bytearray(models["int8"])
        for _ in range(20):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        try:
            lint(bytes(data))
            survived += 1
        except DamagedFileError:
            pass
    assert survived < 30
