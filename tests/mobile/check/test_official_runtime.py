"""The linter and LiteRT-LM agree: what is an error to the one fails in the other, what is none answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mobile.check.finding import Severity
from mobile.check.linter import check
from tests.mobile.check.conftest import BuildBundle
from tests.mobile.check.editing import edited, renamed, with_signature

pytest.importorskip("litert_lm", reason="litert-lm-api, the official runtime, is not installed")
pytest.importorskip("litert_lm_builder", reason="extra mobile: litert-lm-builder")

ANSWER = """
import json, sys, litert_lm
litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
answered = {}
for path in sys.argv[1:]:
    try:
        with litert_lm.Engine(path, backend=litert_lm.Backend.CPU(thread_count=1), cache_dir=":nocache") as engine:
            with engine.create_conversation() as conversation:
                conversation.send_message("turn on")
        answered[path] = True
    except RuntimeError:
        answered[path] = False
print("\\n" + json.dumps(answered))
"""


def adds_strings(metadata: Any) -> None:
    metadata.jinja_prompt_template = "{% for m in messages %}{{ m['role'] + m['content'] }}{% endfor %}"


def samples_top_k(metadata: Any) -> None:
    metadata.sampler_params.type = 1


@pytest.mark.slow
def test_same_verdict(build: BuildBundle, models: dict[str, bytes], good: Path, tmp_path: Path) -> None:
    def nothing(_: Any) -> None:
        pass

    fp32 = models["fp32"]
    cases: dict[str, tuple[bool, bytes, Callable[[Any], object]]] = {
        "good": (True, fp32, nothing),
        "int8": (True, models["int8"], nothing),
        **{n: (True, (good / "vendors" / f"{n}.tflite").read_bytes(), nothing) for n in ("default", "transposed")},
        "maskless": (False, (good / "vendors" / "maskless.tflite").read_bytes(), nothing),
        "no-decode": (False, edited(fp32, with_signature("decode", "other")), nothing),
        "names": (False, edited(fp32, renamed("tokens", "ids")), nothing),
        "cache": (False, edited(fp32, renamed("kv_cache_k_0", "kv_cache_k_9", sides=("outputs",))), nothing),
        "template": (False, fp32, adds_strings),
        "stop": (False, fp32, lambda metadata: metadata.ClearField("stop_tokens")),
        "sampler": (False, fp32, samples_top_k),
    }
    files = {}
    for name, (_, model, change) in cases.items():
        files[name] = build(change, model=model).rename(tmp_path / f"{name}.litertlm")
    command = [sys.executable, "-c", ANSWER, *map(str, files.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answered = json.loads(done.stdout.splitlines()[-1])
    expected = {name: right for name, (right, _, _) in cases.items()}
    assert {name: answered[str(path)] for name, path in files.items()} == expected
    passed = {n: not any(f.severity is Severity.ERROR for f in check(path)) for n, path in files.items()}
    assert passed == expected
