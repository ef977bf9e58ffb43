"""The code blocks of the Flutter and React Native guides, against the shipped bundle and the names in the .tflite."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobile.runtime import Chat
from mobile.runtime.actions import Actions
from mobile.runtime.bundle import Bundle
from mobile.runtime.call_grammar import read_tools

MOBILE = Path(__file__).parents[2] / "mobile"
PREBUILT = MOBILE / "prebuilt" / "small"
GUIDES = {guide: (MOBILE / guide).read_text(encoding="utf-8") for guide in ("react-native.md", "flutter.md")}

# Runs the guide's code as it stands; its "package" hands the arrays, by position, to the interpreter of this process.
SCRIPT = """
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
globalThis.require = (path) => path;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { inputs, outputs } = JSON.parse(readFileSync("facts.json", "utf8"));
const say = (value) => process.stdout.write(JSON.stringify(value) + "\\n");
const kept = [];
globalThis.model = { inputs, outputs, run: async (buffers) => {
  if (!buffers.every((buffer) => buffer instanceof ArrayBuffer)) throw new TypeError("run takes ArrayBuffers");
  say({ run: buffers.map((buffer) => Buffer.from(buffer).toString("base64")) });
  const answers = JSON.parse((await lines.next()).value).map((text) => Buffer.from(text, "base64"));
  return answers.map((bytes, at) => { // in the same memory each time, as the package does
    kept[at] ??= new ArrayBuffer(bytes.length);
    new Uint8Array(kept[at]).set(bytes);
    return kept[at];
  });
} };
const { tensorMap } = await import("./src/tensor_map.js");
const { openAssistant } = await import("./src/assistant.js");
const bundle = JSON.parse(readFileSync("bundle.json", "utf8"));
let wrong = "";
const { decode } = bundle.variants.int8.signatures;
try { tensorMap(decode, { inputs, outputs: [] }); } catch (error) { wrong = error.message; }
const suggest = await openAssistant(async (name) => readFileSync(name, "utf8"), { area: ["kitchen", "office"] });
say({ wrong, considered: await suggest("turn on the kitchen lights") });
process.exit(0);
"""

STAND_IN = """
export const loadTensorflowModel = async (source, delegates) => {
  if (!Array.isArray(delegates)) throw new TypeError("delegates are a list");
  return globalThis.model;
};
"""


def block(guide: str, name: str) -> str:
    """The code block whose first line is a comment with its file name."""
    found = re.findall(rf"```\w+\n(// {re.escape(name)}\b.*?)```", GUIDES[guide], flags=re.DOTALL)
    assert len(found) == 1, f"{guide} has {len(found)} blocks named {name}"
    return str(found[0])


@cache
def tensors() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Inputs and outputs of subgraph 0, in the order in which bindings without signatures take and give them."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(PREBUILT / "student-int8.tflite"))
    return interpreter.get_input_details(), interpreter.get_output_details()


def signature() -> dict[str, dict[str, int]]:
    decode: dict[str, dict[str, int]] = Bundle(PREBUILT).variants["int8"]["signatures"]["decode"]
    return decode


def shape_of(tensor: dict[str, Any]) -> list[int]:
    return [int(size) for size in tensor["shape"]]


@pytest.mark.parametrize("guide", sorted(GUIDES))
def test_the_tables_are_those_of_the_shipped_file(guide: str) -> None:
    """Index as in bundle.json, position as in the .tflite."""
    inputs, outputs = ([int(tensor["index"]) for tensor in side] for side in tensors())
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|$", GUIDES[guide], flags=re.MULTILINE))
    decode = signature()
    assert rows.keys() == decode["inputs"].keys() | decode["outputs"].keys()
    for name, row in rows.items():
        sides = zip((decode["inputs"], decode["outputs"]), (inputs, outputs), strict=True)
        cells = [f"{side[name]}, {order.index(side[name])}" if name in side else "–" for side, order in sides]
        assert row == " | ".join(cells), name


def test_names_lead_to_the_indexes_of_the_bundle() -> None:
    """The rule that both guides state in words: inputs by name, outputs by rank among the sorted names."""
    by_name = {tensor["name"]: int(tensor["index"]) for side in tensors() for tensor in side}
    assert {name: by_name[f"decode_{name}:0"] for name in signature()["inputs"]} == signature()["inputs"]
    ranks = {name: by_name[f"StatefulPartitionedCall:{at}"] for at, name in enumerate(sorted(signature()["outputs"]))}
    assert ranks == signature()["outputs"]


def test_the_react_native_blocks_run(tmp_path: Path) -> None:
    """The whole guide: opening passes the self-test of bundle.json, and the suggestion is Python's."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the code blocks of mobile/react-native.md were not run")
    arrange(tmp_path)
    process = subprocess.Popen(
        [node, "script.js"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        run = positional_interpreter()
        said: dict[str, Any] = {}
        for line in process.stdout:
            said = json.loads(line)
            if "run" in said:
                process.stdin.write(json.dumps(run(said["run"])) + "\n")
                process.stdin.flush()
    assert process.returncode == 0
    assert "bundle.json is of another file" in said["wrong"]
    answer = Chat(PREBUILT, runner="interpreter").answer("turn on the kitchen lights", 64)
    expected = Actions(read_tools(PREBUILT / "tools.json"), {"area": ["kitchen", "office"]}).consider(answer).entry()
    assert expected["status"] == "ready"
    assert {key: said["considered"][key] for key in ("status", "function", "arguments")} == {
        key: expected[key] for key in ("status", "function", "arguments")
    }


def test_the_react_native_guide_installs_what_its_blocks_are_written_for() -> None:
    """Version 3 of the package, whose `run` takes other arrays than that of 2, and its peer; Hermes' TextDecoder."""
    guide = GUIDES["react-native.md"]
    assert "npm install react-native-fast-tflite@3 react-native-nitro-modules`" in guide
    assert "React Native 0.85" in guide
    assert "0.76" not in guide


def arrange(folder: Path) -> None:
    """An app as the guide wants it, with a stand-in for the package that only hands the model over."""
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copytree(MOBILE / "web" / "core", folder / "src" / "core")
    for name in ("tensor_map.js", "runner.js", "assistant.js"):
        (folder / "src" / name).write_text(block("react-native.md", name))
    package = folder / "node_modules" / "react-native-fast-tflite"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"type": "module", "exports": "./index.js"}')
    (package / "index.js").write_text(STAND_IN)
    for name in ("bundle.json", "tokenizer.json", "tools.json"):
        shutil.copy(PREBUILT / name, folder / name)
    sides = [[{"name": tensor["name"], "shape": shape_of(tensor)} for tensor in side] for side in tensors()]
    (folder / "facts.json").write_text(json.dumps(dict(zip(("inputs", "outputs"), sides, strict=True))))
    (folder / "script.js").write_text(SCRIPT)


def positional_interpreter() -> Callable[[list[str]], list[str]]:
    """Subgraph 0 as bindings without signatures run it: arrays in the order of the inputs, in base64."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(PREBUILT / "student-int8.tflite"), num_threads=1)
    interpreter.allocate_tensors()

    def run(arrays: list[str]) -> list[str]:
        for tensor, array in zip(interpreter.get_input_details(), arrays, strict=True):
            values = np.frombuffer(base64.b64decode(array), dtype=tensor["dtype"]).reshape(tensor["shape"])
            interpreter.set_tensor(tensor["index"], values)
        interpreter.invoke()
        outputs = (interpreter.get_tensor(tensor["index"]) for tensor in interpreter.get_output_details())
        return [base64.b64encode(output.tobytes()).decode() for output in outputs]

    return run


def test_the_dart_blocks_name_what_the_bundle_has() -> None:
    """No Dart tool chain is at hand: keys, shapes and brackets of the blocks."""
    bundle = json.loads((PREBUILT / "bundle.json").read_text())
    code = "".join(block("flutter.md", name) for name in ("assistant.dart", "decode_by_name.dart", "tensor_map.dart"))
    assert set(re.findall(r"bundle\['(\w+)'\]", code)) <= bundle.keys()
    assert set(re.findall(r"^ +'(\w+)':", code, flags=re.MULTILINE)) <= signature()["inputs"].keys()
    assert bundle["golden"]["messages"][0]["content"]
    assert all(code.count(a) == code.count(b) for a, b in ("()", "[]", "{}"))
    assert "-45824" in code
    shapes = {tensor["name"].removeprefix("decode_").removesuffix(":0"): shape_of(tensor) for tensor in tensors()[0]}
    written = GUIDES["flutter.md"]
    for name in ("tokens", "input_pos", "mask"):
        assert f"`{name}` {shapes[name]}" in written
    assert f"`kv_cache_k_*` {shapes['kv_cache_k_0']}, `kv_cache_v_*` {shapes['kv_cache_v_0']}" in written
    assert f"`logits` [1, 1, {bundle['vocab_size']}]" in written
