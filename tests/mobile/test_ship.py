"""One variant of an exported folder; the shipped folder is checked by the runtime itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer

pytest.importorskip("ai_edge_litert", reason="needs the extra 'mobile'")

from mobile.export.ship import check_target, main, reduced, ship
from mobile.runtime import Chat
from train.errors import UserError

PREBUILT = Path(__file__).parents[2] / "mobile" / "prebuilt" / "small"


def test_a_shipped_folder_is_whole_and_answers(tmp_path: Path) -> None:
    made = ship(PREBUILT, tmp_path / "app", "int8", litertlm=False)
    assert set(made["bytes"]) == {"student-int8.tflite", "tokenizer.json", "tools.json"}
    assert {path.name for path in (tmp_path / "app").iterdir()} == {*made["bytes"], "bundle.json", "README.md"}
    chat = Chat(tmp_path / "app")
    chat.self_test()
    assert json.loads(chat.answer("next song", 40).text)["name"] == "HassMediaNext"


def test_its_own_card_stays(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "README.md").write_text("mine")
    ship(PREBUILT, tmp_path / "app", "int8")
    assert (tmp_path / "app" / "README.md").read_text() == "mine"
    assert (tmp_path / "app" / "student-int8.litertlm").is_file()


def test_other_variants_leave_no_trace() -> None:
    described: dict[str, Any] = {
        "variants": {"int8": {"file": "a-int8.tflite"}, "int4": {"file": "a-int4.tflite"}},
        "litertlm_file": "a-int8.litertlm",
        "golden": {"prompt_ids": [1], "first_ids": {"int8": [1], "int4": [2]}},
        "files": {name: {"bytes": 1} for name in ("a-int8.tflite", "a-int4.tflite", "a-int8.litertlm", "tools.json")},
    }
    found = reduced(described, "int4", litertlm=True)
    assert "int8" not in json.dumps(found)
    assert found["files"].keys() == {"a-int4.tflite", "tools.json"}
    assert found["litertlm_file"] is None


def test_an_unknown_variant_and_a_folder_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no variant 'int4'; it has int8\. Add it to export\.variants"):
        ship(PREBUILT, tmp_path / "app", "int4")
    with pytest.raises(UserError, match=r"bundle\.json"):
        ship(tmp_path, tmp_path / "app", "int8")
    assert not (tmp_path / "app").exists()


def test_a_folder_of_other_files_is_not_replaced(tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "main.py").write_text("mine")
    with pytest.raises(UserError, match=r"app holds 'main\.py' \(1 such in all\), which its bundle\.json"):
        ship(PREBUILT, app, "int8")
    assert (app / "main.py").read_text() == "mine"
    with pytest.raises(UserError, match=r"main\.py is a file"):
        ship(PREBUILT, app / "main.py", "int8")
    (app / "main.py").unlink()
    ship(PREBUILT, app, "int8")  # empty
    ship(PREBUILT, app, "int8", litertlm=False)  # its own
    assert not (app / "student-int8.litertlm").exists()


def test_what_an_app_put_beside_the_model_is_not_deleted(tmp_path: Path) -> None:
    app = tmp_path / "app"
    ship(PREBUILT, app, "int8", litertlm=False)
    (app / "README.md").write_text("mine")
    (app / "sub").mkdir()
    for name in ("sub/x", "MyNotes.txt"):
        (app / name).write_text("mine")
        with pytest.raises(UserError, match=name.split("/", maxsplit=1)[0]):
            ship(PREBUILT, app, "int8")
        assert (app / name).read_text() == "mine"
    (app / "MyNotes.txt").unlink()
    shutil.rmtree(app / "sub")
    (app / "bundle.json").write_text('{"name": "my own"}')
    with pytest.raises(UserError, match=r"bundle\.json is no description of a model"):
        ship(PREBUILT, app, "int8")


def test_the_export_of_a_run_is_not_replaced(tmp_path: Path) -> None:
    run = tmp_path / "run" / "mobile"
    shutil.copytree(PREBUILT, run)
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(UserError, match="is the export of the run"):
        ship(PREBUILT, run, "int8")
    ship(PREBUILT, tmp_path / "run" / "app", "int8")
    ship(PREBUILT, tmp_path / "run" / "app", "int8")
    (tmp_path / "run" / "run.json").unlink()
    described = json.loads((run / "bundle.json").read_text())
    described["variants"]["fp32"] = described["variants"]["int8"]
    (run / "bundle.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match="a whole export, of fp32, int8"):
        ship(PREBUILT, run, "int8")
    assert (run / "student-int8.tflite").is_file()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(real)
    for _ in range(2):
        ship(PREBUILT, link, "int8", litertlm=False)
        assert link.is_symlink()
        assert (real / "bundle.json").is_file()


def test_the_source_is_never_replaced(tmp_path: Path) -> None:
    """By its name or another one, in it and around it."""
    copied = tmp_path / "run" / "mobile"
    shutil.copytree(PREBUILT, copied)
    (tmp_path / "link").symlink_to(copied)
    for target in (copied, tmp_path / "link", copied / ".." / "mobile", copied / "app", tmp_path / "run"):
        with pytest.raises(UserError, match="lie in one another"):
            ship(copied, target, "int8")
    assert (copied / "student-int8.tflite").is_file()
    check_target(copied, tmp_path / "run" / "mobile-app")


def test_the_command_ends_with_status_2(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("mine")
    with pytest.raises(typer.Exit) as ended:
        main(PREBUILT, tmp_path)
    assert ended.value.exit_code == 2
    assert (tmp_path / "main.py").read_text() == "mine"
