"""int4, portable, other sources, and `tandem verify`: a run exported with everything the config offers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mobile.export import flatbuffer
from mobile.export.source import export_stage, find_source
from mobile.export.verify import recorded_config
from mobile.runtime import Chat, ModelError
from mobile.runtime.__main__ import main
from mobile.talk import talk
from tests.mobile.conftest import VERIFY, child, finish
from train.config.schema import Config
from train.errors import UserError
from train.runs import RunFolder


def gates(folder: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((folder / "bundle.json").read_text())["gates"]
    return found


def test_all_variants_run_and_pass_their_self_test(offers: Path) -> None:
    for variant in ("fp32", "int8", "int4", "portable"):
        assert Chat(offers / "mobile", variant).self_test()["variant"] == variant
    assert {name: gate["passed"] for name, gate in gates(offers / "mobile").items()} == {
        "float64": True, "int4": True, "int8": True, "portable": True, "litert_lm": True,
        "compiled_model_fp32": True, "compiled_model_int8": True, "compiled_model_int4": True,
        "compiled_model_portable": True, "tflite_runtime": None, "speculative_fp32": True, "speculative_int8": True,
        "speculative_int4": True,
    }  # fmt: skip
    assert "python3.11" in str(gates(offers / "mobile")["tflite_runtime"]["message"])


def test_int4_is_left_out_where_it_fails_its_gate(offers: Path) -> None:
    folder = offers / "mobile-teacher"
    assert gates(folder)["int4"]["passed"] is False
    bundle = json.loads((folder / "bundle.json").read_text())
    assert set(bundle["variants"]) == {"fp32", "int8"}
    assert sorted(path.name for path in folder.glob("teacher*")) == [
        "teacher-fp32.tflite", "teacher-int8.litertlm", "teacher-int8.tflite",
    ]  # fmt: skip


def test_portable_is_int8_in_a_file_of_the_size_of_int8(offers: Path) -> None:
    model = (offers / "mobile" / "student-portable.tflite").read_bytes()
    assert "DEQUANTIZE" in flatbuffer.operators(model)
    assert len(model) < 1.1 * (offers / "mobile" / "student-int8.tflite").stat().st_size


def test_every_matrix_of_int4_has_four_bits(offers: Path) -> None:
    stored = flatbuffer.constants((offers / "mobile" / "student-int4.tflite").read_bytes())
    four = {t.buffer: (t.shape, t.bytes) for t in stored if t.dtype == "INT4"}
    assert {shape for shape, _ in four.values()} == {(300, 32), (64, 32), (32, 32), (128, 32), (32, 64)}
    assert all(size == shape[0] * shape[1] // 2 for shape, size in four.values())


def test_litertlm_is_the_same_in_another_process(offers: Path, tmp_path: Path) -> None:
    """`tandem verify` in a process with another hash seed builds every file again, byte for byte."""
    finish(child(VERIFY, offers, hash_seed=77))


def test_verify_takes_the_int4_block_of_the_export(offers: Path, tmp_path: Path) -> None:
    bundle = json.loads((offers / "mobile" / "bundle.json").read_text())
    assert bundle["int4_block"] is None
    assert recorded_config(offers / "mobile" / "bundle.json").int4_block is None
    assert recorded_config(offers / "mobile-teacher" / "bundle.json").int4_block == 32
    older = tmp_path / "bundle.json"
    older.write_text(json.dumps({name: value for name, value in bundle.items() if name != "verify"}))
    with pytest.raises(UserError, match=r"bundle.json was written by an older exporter.*tandem export CONFIG"):
        recorded_config(older)


def test_data_without_functions_gives_a_folder_of_free_answers(
    offers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """tools.json is absent, as mobile/README.md says, and chat and runtime do without it."""
    folder = offers / "mobile"
    assert not (folder / "tools.json").exists()
    bundle = json.loads((folder / "bundle.json").read_text())
    assert (bundle["tools_file"], bundle["constrain"]) == (None, "off")
    assert "tools.json" not in bundle["files"]
    text = Chat(folder, "int8").answer("open", 6).text
    assert main([str(folder), "open", "--variant", "int8", "--max-new-tokens", "6", "--self-test"]) == 0
    assert capsys.readouterr().out == text + "\n"
    result = talk(offers, "open", None, 1)
    assert result is not None
    assert result["answer"].startswith(text)
    with pytest.raises(ModelError, match=r"no tools\.json to constrain answers by"):
        Chat(folder, constrain="schema")
    with pytest.raises(UserError, match=r"no tools\.json"):
        talk(offers, "open", None, 1, constrain="schema")


@pytest.mark.parametrize(
    ("name", "message"),
    [("mobile/student-int8.litertlm", "changed since the export"), ("student/hf/config.json", "other bytes")],
)
def test_verify_names_what_differs(offers: Path, tmp_path: Path, name: str, message: str) -> None:
    """A changed bundle, and a student that is no longer the one of the export."""
    run = tmp_path / "run"
    shutil.copytree(offers, run)
    path = run / name
    if name.endswith(".json"):
        path.write_text(path.read_text().replace("1000.0", "1001.0"))
    else:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data))
    process = child(VERIFY, run)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 3, output
    assert message in output
    assert ("student-int8.litertlm" if message.startswith("changed") else "student-fp32.tflite") in output


def test_sources_have_folders_of_their_own(offers: Path, tmp_path: Path) -> None:
    run = RunFolder(offers)
    assert find_source("student", run).output == "mobile"
    assert find_source("teacher", run).output == "mobile-teacher"
    folder = tmp_path / "teacher"
    shutil.copytree(offers / "teacher", folder)
    assert find_source(str(folder), run).output == "mobile-teacher-copy"  # never the run's own
    with pytest.raises(UserError, match=r"config\.json does not exist"):
        find_source(str(tmp_path / "nowhere"), run)
    config = Config(name=offers.name, runs_dir=offers.parent, export={"source": str(folder)})  # type: ignore[arg-type]
    stage = export_stage(config)
    assert (stage.name, stage.outputs) == ("export-teacher-copy", ("mobile-teacher-copy",))
    assert (offers / stage.inputs[0] / "config.json").is_file()
