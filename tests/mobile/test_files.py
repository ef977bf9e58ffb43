"""What is in the exported files: bytes, operators, signatures, tables, hashes."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mobile.export import flatbuffer
from mobile.export.quantize import check_matrices, check_tables
from mobile.export.weights import read_weights
from tests.mobile.conftest import EXPORT, VOCABULARY, WINDOW, Exported, child, finish
from train.errors import TandemError


def test_same_student_same_bytes(exported: Exported) -> None:
    """The second export of one process, where TensorFlow's name counters have moved on."""
    names = sorted(path.name for path in exported.mobile.iterdir())
    models = ["student-fp32.tflite", "student-int8.litertlm", "student-int8.tflite"]
    assert names == ["bundle.json", *models, "tokenizer.json", "tools.json"]
    for name in names:
        assert (exported.mobile / name).read_bytes() == (exported.again / "mobile" / name).read_bytes(), name


@pytest.mark.slow
def test_same_student_same_bytes_in_another_process(exported: Exported, tmp_path: Path) -> None:
    for part in ("student", "data"):
        shutil.copytree(exported.run / part, tmp_path / part)
    finish(child(EXPORT, tmp_path, hash_seed=12))
    for name in ("bundle.json", "student-fp32.tflite", "student-int8.tflite", "student-int8.litertlm"):
        assert (tmp_path / "mobile" / name).read_bytes() == (exported.mobile / name).read_bytes(), name


def test_signatures_are_those_of_the_design(exported: Exported) -> None:
    from ai_edge_litert.interpreter import Interpreter

    for variant in ("fp32", "int8"):
        interpreter = Interpreter(str(exported.mobile / f"student-{variant}.tflite"))
        assert sorted(interpreter.get_signature_list()) == ["decode", "prefill_16", "prefill_4", "verify_8"]
        for name, length in (("decode", 1), ("prefill_4", 4), ("prefill_16", 16), ("verify_8", 8)):
            runner = interpreter.get_signature_runner(name)
            inputs = {key: (list(e["shape"]), e["dtype"]) for key, e in runner.get_input_details().items()}
            outputs = {key: (list(e["shape"]), e["dtype"]) for key, e in runner.get_output_details().items()}
            caches = {f"kv_cache_k_{i}": ([1, 2, WINDOW, 8], np.float32) for i in range(2)}
            caches |= {f"kv_cache_v_{i}": ([1, 2, 8, WINDOW], np.float32) for i in range(2)}
            assert inputs == caches | {
                "tokens": ([1, length], np.int32),
                "input_pos": ([length], np.int32),
                "mask": ([1, 1, length, WINDOW], np.float32),
            }
            logits = {} if name.startswith("prefill") else {"logits": ([1, length, VOCABULARY], np.float32)}
            assert outputs == caches | logits


def test_scales_and_zero_points_are_written_once(exported: Exported) -> None:
    """Where a newer quantiser escapes mobile/export/shared_vectors.py, files only grow: nothing else would tell."""
    from ai_edge_litert.schema_py_generated import Model as Schema

    root = Schema.GetRootAs((exported.mobile / "student-int8.tflite").read_bytes(), 0)
    graphs = [root.Subgraphs(index) for index in range(root.SubgraphsLength())]
    tensors = [graph.Tensors(number) for graph in graphs for number in range(graph.TensorsLength())]
    quantized = [tensor.Quantization() for tensor in tensors if tensor.Quantization()]
    quantized = [one for one in quantized if one.ScaleLength() > 1]
    for vectors in ([one.ScaleAsNumpy() for one in quantized], [one.ZeroPointAsNumpy() for one in quantized]):
        places = {vector.__array_interface__["data"][0] for vector in vectors}
        assert len(places) == len({vector.tobytes() for vector in vectors}) < len(vectors) / 3


def test_cache_write_and_embedding_are_single_builtin_operators(exported: Exported) -> None:
    for variant in ("fp32", "int8"):
        used = flatbuffer.operators((exported.mobile / f"student-{variant}.tflite").read_bytes())
        assert {"DYNAMIC_UPDATE_SLICE", "EMBEDDING_LOOKUP", "FULLY_CONNECTED"} <= used
        assert not {name for name in used if name in ("CUSTOM", "SCATTER_ND", "DEQUANTIZE", "TILE", "BROADCAST_TO")}


def test_tied_table_is_stored_once(exported: Exported) -> None:
    """The table's own bytes are looked for in the files; the int8 ones are computed here by hand."""
    table = read_weights(exported.run / "student" / "hf").embedding
    assert (exported.mobile / "student-fp32.tflite").read_bytes().count(table.tobytes()) == 1
    scale = np.abs(table).max(axis=1, keepdims=True) / 127
    quantized = np.clip(np.round(table / scale), -127, 127).astype(np.int8)
    assert (exported.mobile / "student-int8.tflite").read_bytes().count(quantized.tobytes()) == 1


def test_no_matrix_is_left_in_float32(exported: Exported) -> None:
    stored = flatbuffer.constants((exported.mobile / "student-int8.tflite").read_bytes())
    matrices = {t.shape for t in stored if t.dtype == "INT8"}
    # table; q + 2 k/v: (4 + 2 * 2) * 8; o; gate + up; down
    assert matrices == {(300, 32), (64, 32), (32, 32), (128, 32), (32, 64)}
    assert all(t.scales == t.shape[0] for t in stored if t.dtype == "INT8")
    assert sum({t.buffer: t.bytes for t in stored if t.dtype == "INT8"}.values()) == 300 * 32 + 2 * (
        64 * 32 + 32 * 32 + 128 * 32 + 32 * 64
    )


def test_checks_refuse_a_float_table_in_the_int8_file(exported: Exported) -> None:
    shape = read_weights(exported.run / "student" / "hf").shape
    model = (exported.mobile / "student-fp32.tflite").read_bytes()
    check_tables(model, shape, "FLOAT32")
    with pytest.raises(TandemError, match="FLOAT32"):
        check_tables(model, shape, "INT8")
    with pytest.raises(TandemError, match="FLOAT32"):
        check_matrices(model, "INT8")


def test_a_vocabulary_of_as_many_rows_as_a_matrix_is_no_table_stored_twice(exported: Exported) -> None:
    shape = read_weights(exported.untied).shape
    model = (exported.untied / "untied.tflite").read_bytes()
    of_that_shape = {t.buffer for t in flatbuffer.constants(model) if t.shape == (shape.vocab_size, shape.hidden_size)}
    assert len(of_that_shape) == 2 + shape.num_hidden_layers  # embedding and head, gate and up of each layer
    check_tables(model, shape, "FLOAT32")
    with pytest.raises(TandemError, match=r"stores 4 matrices of 128 x 32.*instead of 3"):
        check_tables(model, replace(shape, tied=True), "FLOAT32")


def test_bundle_describes_the_folder(exported: Exported) -> None:
    bundle = json.loads((exported.mobile / "bundle.json").read_text())
    assert (bundle["window"], bundle["prefill"], bundle["vocab_size"]) == (WINDOW, [4, 16], VOCABULARY)
    assert (bundle["start_id"], bundle["stop_ids"], bundle["tools_file"]) == (1, [2], "tools.json")
    weights = read_weights(exported.run / "student" / "hf")
    assert bundle["model"]["parameters"] == weights.parameters == 300 * 32 + 2 * (9216 + 2 * 32) + 32
    for name, entry in bundle["files"].items():
        data = (exported.mobile / name).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    for entry in bundle["variants"].values():
        assert set(entry["signatures"]) == {"decode", "prefill_4", "prefill_16", "verify_8"}
        assert set(entry["signatures"]["decode"]["outputs"]) - set(entry["signatures"]["decode"]["inputs"]) == {
            "logits"
        }


def test_index_map_runs_without_signatures(exported: Exported) -> None:
    """As Flutter's or React Native's bindings would: subgraph 0 by tensor index alone."""
    from ai_edge_litert.interpreter import Interpreter

    index = json.loads((exported.mobile / "bundle.json").read_text())["variants"]["fp32"]["signatures"]["decode"]
    interpreter = Interpreter(str(exported.mobile / "student-fp32.tflite"))
    interpreter.allocate_tensors()
    for entry in interpreter.get_input_details():
        interpreter.set_tensor(entry["index"], np.zeros(entry["shape"], entry["dtype"]))
    mask = np.full((1, 1, 1, WINDOW), -45824, np.float32)
    mask[..., 0] = 0
    interpreter.set_tensor(index["inputs"]["mask"], mask)
    token = int(exported.oracle["ids_1"][0])
    interpreter.set_tensor(index["inputs"]["tokens"], np.array([[token]], np.int32))
    interpreter.invoke()
    logits = interpreter.get_tensor(index["outputs"]["logits"])[0, 0]
    np.testing.assert_allclose(logits, exported.oracle["logits_1"][0], atol=3e-5)


def test_metrics_are_logged(exported: Exported, tmp_path: Path) -> None:
    shutil.copy(exported.run / "metrics.jsonl", tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    size = (exported.mobile / "student-int8.tflite").stat().st_size
    assert any(line.get("artifact/student-tflite-int8/bytes") == size for line in lines)
