"""The command line as a user meets it: one clear message, the right exit status, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

from train.command import guarded
from train.errors import GateError, TandemError, UserError

ROOT = Path(__file__).parents[2]


def tandem(*arguments: str, runs: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "tandem.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"TANDEM_RUNS": str(runs), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def config_file(folder: Path, extra: str = "") -> str:
    path = folder / "c.yaml"
    path.write_text(f"extends: {ROOT / 'configs' / 'smoke.yaml'}\nname: c\n{extra}")
    return str(path)


def prompts(count: int) -> str:
    return "\n".join(json.dumps({"prompt": f"ask {n}", "completion": "yes"}) for n in range(count))


@pytest.mark.parametrize(
    ("extra", "overrides", "expected"),
    [
        ("data: {source: FILE, tests: {t: gone.jsonl}}\n", [], "data.tests.t: there is no file gone.jsonl"),
        ("", ["finetune.epochz=1"], "did you mean 'epochs'?"),
        (
            "data: {source: gone.jsonl}\n",
            [],
            "data.source: there is no file gone.jsonl. Correct the path; a relative one starts at the current folder",
        ),
        ("model: {source: gone.gguf}\ndata: {source: FILE}\n", [], "there is no file gone.gguf"),
        (
            "model: {source: FILE, sha256: abc}\ndata: {source: FILE}\n",
            ["model.source=x.gguf"],
            "there is no file x.gguf",
        ),
    ],
)
def test_bad_input_is_one_message_and_status_2(tmp_path: Path, extra: str, overrides: list[str], expected: str) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(prompts(30))
    result = tandem("data", config_file(tmp_path, extra.replace("FILE", str(rows))), *overrides, runs=tmp_path)
    assert result.returncode == 2, result.stderr
    assert expected in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_base_model_with_the_wrong_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    rows = tmp_path / "rows.jsonl"
    rows.write_text(prompts(30))
    extra = f"model: {{source: {tmp_path / 'm.gguf'}, sha256: {'a' * 64}}}\ndata: {{source: {rows}}}\n"
    result = tandem("data", config_file(tmp_path, extra), runs=tmp_path / "runs")
    assert result.returncode == 2
    assert "model.sha256 expects" in result.stderr
    assert not (tmp_path / "runs" / "c" / "data").exists()


def test_plan_shows_values_with_their_origin_and_trains_nothing(tmp_path: Path) -> None:
    result = tandem("plan", config_file(tmp_path), "seed=5", runs=tmp_path / "runs")
    assert result.returncode == 0, result.stderr
    assert "override 'seed=5'" in result.stdout
    last = json.loads(result.stdout.splitlines()[-1])
    assert last["to_do"] == ["data", "finetune", "capture", "distill", "export", "eval"]
    assert not (tmp_path / "runs").exists()


def test_data_show_prints_tokens_and_mask(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(prompts(30))
    config = config_file(tmp_path, f"data: {{source: {rows}}}\n")
    result = tandem("data", config, "--show", "2", runs=tmp_path / "runs")
    assert result.returncode == 0, result.stderr
    assert "[y" in result.stdout
    assert "[<|im_end|>]" in result.stdout
    assert json.loads(result.stdout.splitlines()[-1]) == {"split": "train", "rows": 27, "shown": 2}
    missing = tandem("data", config, "--show", "2", "--split", "t9", runs=tmp_path / "runs")
    assert missing.returncode == 2
    assert "known: train, val" in missing.stderr


VERBS = [
    "run",
    "plan",
    "data",
    "finetune",
    "capture",
    "distill",
    "export",
    "eval",
    "report",
    "gate",
    "compare",
    "tasks",
    "chat",
    "check",
    "verify",
    "track",
    "dashboard",
    "web",
    "sweep",
    "trial",
    "doctor",
]


@pytest.mark.parametrize(
    "verb",
    [[], *([name] for name in VERBS)],
)
def test_every_verb_has_help(tmp_path: Path, verb: list[str]) -> None:
    result = tandem(*verb, "--help", runs=tmp_path)
    assert result.returncode == 0
    assert "Usage" in result.stdout
    assert f"Example: tandem {' '.join(verb) or 'run'} " in " ".join(result.stdout.split()) + " "


@pytest.mark.parametrize(
    "arguments",
    [
        ["web", "RUN", "--port", "99999"],
        ["dashboard", "RUN", "--port", "99999"],
        ["chat", "RUN", "hello", "--threads", "0"],
        ["data", "configs/smoke.yaml", "--show", "-3"],
    ],
)
def test_numbers_out_of_range_are_refused_by_name(tmp_path: Path, arguments: list[str]) -> None:
    result = tandem(*(part.replace("RUN", str(tmp_path)) for part in arguments), runs=tmp_path / "runs")
    assert result.returncode == 2
    assert f"Invalid value for '{arguments[-2]}'" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_taken_port_is_told_before_anything_is_fetched_for_the_page(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = tandem("web", str(tmp_path), "--port", str(port), runs=tmp_path)  # not even a bundle there yet
    assert result.returncode == 2
    assert f"Port {port} (--port) is taken or not allowed on 127.0.0.1" in result.stderr


@pytest.mark.parametrize("verb", ["data", "run"])
def test_a_run_folder_that_cannot_be_made_is_named(tmp_path: Path, verb: str) -> None:
    (tmp_path / "taken").write_text("")
    for runs, name in ((tmp_path, "taken"), (Path("/proc/x"), "c")):
        result = tandem(verb, config_file(tmp_path), f"name={name}", runs=runs)
        assert result.returncode == 2
        assert f"The run folder {runs / name} can't be made" in result.stderr
        assert "Traceback" not in result.stderr


def test_wrong_command_lines_have_status_2(tmp_path: Path) -> None:
    assert tandem("fly", runs=tmp_path).returncode == 2
    assert tandem("report", str(tmp_path), runs=tmp_path).returncode == 2
    assert tandem("chat", str(tmp_path), "hello", runs=tmp_path).returncode == 2


def test_ctrl_c_during_the_imports_ends_with_130() -> None:
    def run(code: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", f"import signal, sys\nsignal.signal(2, signal.default_int_handler)\n{code}"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    pressed = run(
        "from train import early_interrupt\nearly_interrupt.begin()\nsignal.raise_signal(2)\nprint('went on')"
    )
    assert (pressed.returncode, pressed.stdout) == (130, "")
    assert pressed.stderr == "interrupted\n"
    # It comes before all that takes long, and ends where the work begins.
    first = run("sys.modules['typer'] = None\ntry: import tandem\nexcept ImportError: signal.raise_signal(2)")
    assert first.returncode == 130
    later = run("from tandem import guarded\nsys.exit(guarded(lambda: signal.raise_signal(2)))")
    assert later.returncode == 130
    assert "finished stages and checkpoints are kept" in later.stderr


def at_work(runs: Path, **options: Any) -> subprocess.Popen[str]:
    """The smoke run in a group of its own, its first stage at work."""
    process = subprocess.Popen(
        [sys.executable, "tandem.py", "run", "configs/smoke.yaml"],
        cwd=ROOT,
        env=os.environ | {"TANDEM_RUNS": str(runs)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        **options,
    )
    deadline = time.monotonic() + 60
    while not (runs / "smoke" / "metrics.jsonl").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    # A test suite started in the background has SIGINT ignored, and children inherit that.
    process = at_work(tmp_path, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "interrupted" in errors
    assert not list((tmp_path / "smoke").glob(".*.partial"))


def test_sigterm_ends_the_stage_with_the_command(tmp_path: Path) -> None:
    process = at_work(tmp_path)
    process.terminate()  # it alone, as Slurm, systemd and `kill` do
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    with pytest.raises(ProcessLookupError):  # nobody is left of its group
        os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in errors
    assert "terminated: finished stages and checkpoints are kept" in errors
    assert not list((tmp_path / "smoke").glob(".*.partial"))


def test_a_child_that_ends_badly_after_sigterm_ends_with_143_all_the_same() -> None:
    stubborn = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print(flush=True); time.sleep(60)"
    program = f"""
import signal, sys
from train.sigterm import child
with child([sys.executable, "-c", {stubborn!r}], stdout=-1) as process:
    process.stdout.readline()
    signal.raise_signal(15)
    print(process.wait(), flush=True)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert (ended.stdout, ended.returncode) == ("7\n", 143)


def test_a_sigterm_that_a_callback_swallows_is_not_the_last_that_counts() -> None:
    program = """
import signal
from train import sigterm
sigterm.CLEARING_S = 0.0
class Swallows:
    def __del__(self):
        signal.raise_signal(15)
with sigterm.in_order():
    Swallows()
    print("went on", flush=True)
    signal.raise_signal(15)
    print("and on", flush=True)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert (ended.stdout, ended.returncode) == ("went on\n", 143)


def test_functions_that_the_export_would_refuse_are_refused_before_any_work(tmp_path: Path) -> None:
    tools = tmp_path / "tools.json"
    tools.write_text('[{"name": "go", "parameters": {"properties": {"to": {"type": "string", "pattern": "a*"}}}}]')
    done = tandem("run", config_file(tmp_path), f"data.tools={tools}", "export.constrain=schema", runs=tmp_path)
    assert done.returncode == 2
    assert "'pattern'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("eval.headline=t9", "eval.headline is 't9', which is not among eval.sets"),
        ("eval.sets={t3: 5, t9: 5}", "the test set 't9', which this config's data have not. Sets: train, val, t1, t2"),
        ("eval.engines=[base,teachr-eager]", "unknown engine 'teachr-eager'. Did you mean 'teacher-eager'?"),
        ("eval.engines=[]", "eval.engines is empty"),
        ("data.source=gone.jsonl", "data.source: there is no file gone.jsonl"),
        ("data.tools=gone.json", "data.tools: there is no file gone.json"),
        ("model.source=gone.gguf", "model.source: there is no file gone.gguf"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "plan"])
def test_what_only_a_late_stage_would_refuse_is_refused_before_any_work(
    tmp_path: Path, verb: str, override: str, expected: str
) -> None:
    done = tandem(verb, config_file(tmp_path), override, runs=tmp_path / "runs")
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def wrapped(cause: BaseException) -> RuntimeError:
    error = RuntimeError("Error calling __set_name__")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UserError("u"), 2),
        (GateError("g"), 3),
        (TandemError("t"), 1),
        (KeyboardInterrupt(), 130),
        (wrapped(KeyboardInterrupt()), 130),  # as Python 3.11 does inside a __set_name__
        (OSError(28, "No space left on device"), 1),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), 1),
        (PermissionError(13, "Permission denied", "/runs"), 2),
        (NotADirectoryError(20, "Not a directory", "a.tflite/bundle.json"), 2),
        (OSError(30, "Read-only file system", "/runs"), 2),
    ],
)
def test_exit_status_by_kind_of_fault(error: BaseException, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise error

    assert guarded(fail) == status
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "error", [ZeroDivisionError(), FileNotFoundError(2, "gone", "x"), PermissionError(), SafetensorError("bad header")]
)
def test_a_programming_error_is_not_hidden(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        guarded(fail)
