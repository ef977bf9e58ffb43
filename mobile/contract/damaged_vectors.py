"""Vectors of folders that must be refused: another model's bundle.json, missing, truncated and changed files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mobile.contract.prebuilt import Prebuilt

REQUIRED = ("files", "variants", "window", "vocab_size", "stop_ids", "start_id", "golden", "tools_file")
FILES = ("bundle.json", "student-int8.tflite", "tokenizer.json", "tools.json", "student-int8.litertlm")


def damaged_vectors(prebuilt: Prebuilt) -> dict[str, Any]:
    model = prebuilt.chat.model
    return {
        "about": "Edits of an intact folder after which it must be refused.",
        "inputs": {},
        "model": {"window": model.window, "vocab_size": model.vocab_size, "buckets": model.buckets},
        "cases": [
            {"name": name, "found_by": found_by, "edits": list(edits)} for name, found_by, *edits in _cases(prebuilt)
        ],
    }


def damage(folder: Path, edits: list[dict[str, Any]]) -> None:
    """Makes the edits of a case in a copy of the intact folder."""
    for edit in edits:
        path = folder / str(edit.get("file", "bundle.json"))
        match edit["op"]:
            case "set" | "remove":
                values = json.loads(path.read_text(encoding="utf-8"))
                inner = values
                for name in edit["path"][:-1]:
                    inner = inner[name]
                if edit["op"] == "set":
                    inner[edit["path"][-1]] = edit["value"]
                else:
                    del inner[edit["path"][-1]]
                path.write_text(json.dumps(values), encoding="utf-8")
            case "text":
                path.write_text(edit["value"], encoding="utf-8")
            case "delete_file":
                path.unlink()
            case "truncate_file":
                path.write_bytes(path.read_bytes()[: edit["bytes"]])
            case "change_byte":
                contents = bytearray(path.read_bytes())
                contents[edit["at"]] ^= 0xFF
                path.write_bytes(bytes(contents))
            case other:
                raise ValueError(f"unknown edit {other!r}")


def copied(prebuilt: Prebuilt, folder: Path) -> Path:
    """An intact copy to damage."""
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(prebuilt.folder / name, folder / name)
    return folder


def _set(value: Any, *path: str) -> dict[str, Any]:
    return {"op": "set", "path": list(path), "value": value}


def _remove(*path: str) -> dict[str, Any]:
    return {"op": "remove", "path": list(path)}


def _text(value: str) -> dict[str, Any]:
    return {"op": "text", "value": value}


def _cases(prebuilt: Prebuilt) -> list[tuple[Any, ...]]:
    """(name, found_by, edit, …)."""
    bundle = prebuilt.bundle
    size = bundle.files["student-int8.tflite"]["bytes"]
    return [
        ("bundle.json missing", "bundle", {"op": "delete_file", "file": "bundle.json"}),
        ("bundle.json empty", "bundle", _text("")),
        ("bundle.json truncated", "bundle", {"op": "truncate_file", "file": "bundle.json", "bytes": 300}),
        ("bundle.json a list", "bundle", _text("[]")),
        ("bundle.json null", "bundle", _text("null")),
        ("format_version of the future", "bundle", _set(2, "format_version")),
        ("format_version of the past", "bundle", _set(0, "format_version")),
        ("format_version a string", "bundle", _set("1", "format_version")),
        ("format_version missing", "bundle", _remove("format_version")),
        *((f"{name} missing", "bundle", _remove(name)) for name in REQUIRED),
        ("window a word", "bundle", _set("wide", "window")),
        ("window zero", "bundle", _set(0, "window")),
        ("vocab_size negative", "bundle", _set(-1, "vocab_size")),
        ("stop_ids empty", "bundle", _set([], "stop_ids")),
        ("stop_ids outside the vocabulary", "bundle", _set([bundle.vocab_size], "stop_ids")),
        ("start_id outside the vocabulary", "bundle", _set(-1, "start_id")),
        ("files a list", "bundle", _set([], "files")),
        ("variants empty", "bundle", _set({}, "variants")),
        ("a variant's file is not listed", "bundle", _remove("files", "student-int8.tflite")),
        ("tokenizer.json is not listed", "bundle", _remove("files", "tokenizer.json")),
        ("tools.json is not listed", "bundle", _remove("files", "tools.json")),
        ("a file outside the folder", "bundle", _set("../student-int8.tflite", "variants", "int8", "file")),
        ("a listed file outside the folder", "bundle", _set({"bytes": 1, "sha256": "0" * 64}, "files", "../x")),
        ("stop_ids with a fraction", "bundle", _set([2.7], "stop_ids")),
        ("stop_ids a number", "bundle", _set(2, "stop_ids")),
        ("golden empty", "bundle", _set({}, "golden")),
        ("golden a list", "bundle", _set([], "golden")),
        ("golden without messages", "bundle", _set([], "golden", "messages")),
        ("a golden message a text", "bundle", _set(["on"], "golden", "messages")),
        ("golden without prompt_ids", "bundle", _set([], "golden", "prompt_ids")),
        ("golden prompt_ids of words", "bundle", _set(["a"], "golden", "prompt_ids")),
        ("golden prompt_ids outside the vocabulary", "bundle", _set([bundle.vocab_size], "golden", "prompt_ids")),
        ("golden without first_ids", "bundle", _remove("golden", "first_ids")),
        ("golden first_ids of another variant", "bundle", _set({"fp32": [5]}, "golden", "first_ids")),
        ("golden first_ids empty", "bundle", _set({}, "golden", "first_ids")),
        ("golden first_ids a number", "bundle", _set({"int8": 5}, "golden", "first_ids")),
        ("a file without bytes", "bundle", _remove("files", "tools.json", "bytes")),
        ("a file without sha256", "bundle", _remove("files", "tools.json", "sha256")),
        ("bytes of a file a word", "bundle", _set("x", "files", "tools.json", "bytes")),
        ("a file's entry a list", "bundle", _set([1], "files", "tools.json")),
        ("a variant a text", "bundle", _set("student-int8.tflite", "variants", "int8")),
        ("a variant's file a number", "bundle", _set(8, "variants", "int8", "file")),
        ("tools_file a number", "bundle", _set(1, "tools_file")),
        ("constrain unknown", "bundle", _set("guess", "constrain")),
        ("model file missing", "bundle", {"op": "delete_file", "file": "student-int8.tflite"}),
        ("model file truncated", "bundle", {"op": "truncate_file", "file": "student-int8.tflite", "bytes": size // 2}),
        ("model file empty", "bundle", {"op": "truncate_file", "file": "student-int8.tflite", "bytes": 0}),
        ("tokenizer missing", "bundle", {"op": "delete_file", "file": "tokenizer.json"}),
        ("tokenizer truncated", "bundle", {"op": "truncate_file", "file": "tokenizer.json", "bytes": 1000}),
        ("tools missing", "bundle", {"op": "delete_file", "file": "tools.json"}),
        ("another size of the model", "bundle", _set(size + 1, "files", "student-int8.tflite", "bytes")),
        ("a byte of the model changed", "hash", {"op": "change_byte", "file": "student-int8.tflite", "at": size // 2}),
        ("a byte of the tokenizer changed", "hash", {"op": "change_byte", "file": "tokenizer.json", "at": 2000}),
        ("a byte of the tools changed", "hash", {"op": "change_byte", "file": "tools.json", "at": 500}),
        ("another model of the same size", "hash", _set("0" * 64, "files", "student-int8.tflite", "sha256")),
        ("another model's vocab_size", "model", _set(bundle.vocab_size + 128, "vocab_size")),
        ("another model's window", "model", _set(bundle.window * 2, "window")),
        ("another model's sizes", "model", _set(49152, "vocab_size"), _set(512, "window")),
    ]  # fmt: skip
