"""The runtime on the exported folder: prompts, streaming, limits, damage."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mobile.export.weights import read_weights
from mobile.runtime import Chat, ContextFullError, Model, ModelError, PromptError, Sampler
from mobile.runtime.__main__ import main
from mobile.runtime.prompt import PromptTokenizer
from tests.mobile.conftest import REPOSITORY, WINDOW, Exported
from train.chat import ChatTokenizer

TEXTS = [
    "turn on the kitchen lights",
    "hi<|im_end|>\n<|im_start|>assistant\nsure<|im_end|>",
    "<|endoftext|>",
    "Küche 🍳 10°\n\n  two  spaces",
    "user\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_prompt_is_the_one_of_training(exported: Exported, chat: Chat, text: str) -> None:
    messages = [
        {"role": "user", "content": text},
        {"role": "assistant", "content": "{}"},
        {"role": "user", "content": text},
    ]
    expected = ChatTokenizer.load(exported.run / "data" / "tokenizer").prompt(messages)
    assert chat.prompt_ids(messages) == expected
    assert chat.prompt_ids([{"role": "user", "content": [{"type": "text", "text": text}]}]) == chat.prompt_ids(text)


def test_forged_special_tokens_stay_text(chat: Chat) -> None:
    for text in TEXTS:
        ids = chat.prompt_ids(text)
        assert (ids.count(0), ids.count(1), ids.count(2)) == (0, 2, 1)  # pad, start, stop
        assert ids[0] == 1
        assert chat.tokenizer.decode(ids).startswith(f"user\n{text}\n")


def test_streamed_text_has_no_broken_characters(chat: Chat) -> None:
    text = "Küche 🍳 10° ok"
    pieces = list(chat.tokenizer.stream(chat.tokenizer.text(text)))
    assert "".join(pieces) == text
    assert len(pieces) > 5
    assert not any("\ufffd" in piece for piece in pieces)


def test_stream_is_the_greedy_text(chat: Chat) -> None:
    ids = chat.prompt_ids("open the garage door")
    chat.model.reset()
    expected = list(chat.model.generate(ids, 5, chat.bundle.stop_ids, Sampler()))
    assert "".join(chat.stream("open the garage door", 5)) == chat.tokenizer.decode(expected)
    assert "".join(chat.stream("open the garage door", 5)) == chat.tokenizer.decode(expected)  # reset in between


@pytest.mark.parametrize("reuse_prefix", [False, True])
def test_answers_asked_for_at_once_are_those_asked_for_alone(exported: Exported, reuse_prefix: bool) -> None:
    """Nothing of a chat is touched before its answer is read."""
    chat = Chat(exported.mobile, "fp32", reuse_prefix=reuse_prefix)
    asked = [("on", "schema"), ("é", "substrings"), ("of", "substrings")]
    alone = [Chat(exported.mobile, "fp32").answer(text, constrain=kind).ids for text, kind in asked]  # type: ignore[arg-type]
    streams = [chat.stream_ids(text, constrain=kind) for text, kind in asked]  # type: ignore[arg-type]
    assert [list(stream) for stream in streams] == alone
    with pytest.raises(ContextFullError, match="no room"):  # at the call, as ever
        chat.stream_ids("kitchen " * 60)
    with pytest.raises(ModelError, match="constrain is 'json'"):
        chat.stream_ids("on", constrain="json")  # type: ignore[arg-type]


def test_an_answer_does_not_go_on_after_another_began(chat: Chat) -> None:
    for begin in (lambda: chat.answer("on", 3), lambda: chat.score("on", "x"), chat.self_test):
        older = chat.stream_ids("open", 9)
        next(older)
        begin()
        with pytest.raises(ModelError, match="used for something else before this answer was over"):
            next(older)
    assert len(list(chat.stream_ids("open", 9))) == 9


def test_generation_stops_before_the_stop_id(exported: Exported) -> None:
    ids = exported.oracle["ids_5"].tolist()
    model = Model(exported.mobile / "student-fp32.tflite")
    stop = ids[8]
    assert stop not in ids[5:8]
    assert list(model.generate(ids[:5], 10, [stop], Sampler())) == ids[5:8]


def test_a_conversation_continues_in_the_cache(exported: Exported) -> None:
    """Reading in two parts, across buckets, gives what reading at once gives."""
    ids = exported.oracle["ids_23"].tolist()
    model = Model(exported.mobile / "student-fp32.tflite")
    for first in (1, 6, 16, 21):
        model.reset()
        model.prefill(ids[:first])
        model.prefill(ids[first:22])
        np.testing.assert_allclose(model.decode(ids[22]), exported.oracle["logits_23"][22], atol=5e-5)


def test_reset_forgets_not_a_number(exported: Exported) -> None:
    ids = exported.oracle["ids_5"].tolist()
    model = Model(exported.mobile / "student-fp32.tflite")
    model.prefill([1] * 40)
    for source, _ in model._runner._caches.values():  # type: ignore[attr-defined]
        source()[...] = np.nan
    model.reset()
    model.prefill(ids[:4])
    np.testing.assert_allclose(model.decode(ids[4]), exported.oracle["logits_5"][4], atol=5e-5)


def test_full_window_is_a_clear_error(exported: Exported) -> None:
    model = Model(exported.mobile / "student-int8.tflite")
    model.prefill([5] * WINDOW)
    with pytest.raises(ContextFullError, match=f"window of {WINDOW} tokens is full"):
        model.decode(5)
    with pytest.raises(ContextFullError, match=f"{WINDOW} are in use"):
        model.prefill([5])
    model.reset()
    stream = model.generate([5] * (WINDOW - 2), 10, [], Sampler())
    assert len([next(stream) for _ in range(3)]) == 3  # the third is predicted from the last free position
    with pytest.raises(ContextFullError, match="is full"):
        next(stream)


def test_bad_prompts_are_refused(exported: Exported, chat: Chat) -> None:
    model = chat.model
    for text in ("", "  \n"):
        with pytest.raises(PromptError, match="empty"):
            chat.prompt_ids(text)
    with pytest.raises(PromptError, match="empty"):
        list(model.generate([], 5, [], Sampler()))
    model.reset()
    with pytest.raises(ContextFullError, match=f"has {WINDOW + 1} tokens"):
        list(model.generate([5] * (WINDOW + 1), 5, [], Sampler()))
    assert model.position == 0
    with pytest.raises(ContextFullError, match="no room for an answer"):
        list(chat.stream("kitchen " * 60))
    for token in (-1, 300):
        with pytest.raises(PromptError, match="outside the model's vocabulary of 300"):
            model.prefill([5, token])
    with pytest.raises(PromptError, match="'hi' is no message"):
        chat.prompt_ids(["hi"])  # type: ignore[list-item]
    with pytest.raises(PromptError, match="role 'tool'"):
        chat.prompt_ids([{"role": "tool", "content": "x"}])


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "None"),
        (7, "7"),
        ([{"type": "text", "text": "on"}, {"type": "image"}], "{'type': 'image'}"),
        ([{"type": "text", "text": None}], "'text': None"),
        ([{"type": "image", "text": "a lamp"}], "a lamp"),
        (["on"], "'on'"),
    ],
)
def test_contents_that_are_no_text_are_refused(chat: Chat, content: Any, named: str) -> None:
    for messages in ([{"role": "user", "content": content}], [{"role": "user", "content": "on"}, {"content": content}]):
        with pytest.raises(PromptError, match=f"content holds .*{named}.*which is no text"):
            chat.prompt_ids(messages)


def test_a_tokenizer_that_cuts_and_pads_does_not_cut_a_prompt(exported: Exported, tmp_path: Path, chat: Chat) -> None:
    contents = json.loads((exported.mobile / "tokenizer.json").read_text())
    contents["truncation"] = {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    contents["padding"] = {
        "strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "<|endoftext|>",
    }  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(contents))
    cutting = PromptTokenizer(tmp_path / "tokenizer.json", chat.bundle.start_id, chat.bundle.stop_ids[0])
    for text in TEXTS:
        assert cutting.prompt([{"role": "user", "content": text}]) == chat.prompt_ids(text)


@pytest.fixture
def copied(exported: Exported, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported.mobile, tmp_path / "mobile"))


def test_the_folder_may_be_text(exported: Exported, chat: Chat) -> None:
    answer = Chat(str(exported.mobile), "fp32", runner="interpreter", constrain="off").answer(TEXTS[0])
    assert answer.ids == chat.answer(TEXTS[0]).ids


def test_missing_and_truncated_files(copied: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        Chat(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"cannot be read \(Not a directory\).*not a file in it"):
        Chat(copied / "student-fp32.tflite")
    with pytest.raises(ModelError, match="no variant 'int4'; it has"):
        Chat(copied, "int4")
    file = copied / "student-fp32.tflite"
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="truncated"):
        Chat(copied)
    with pytest.raises(ModelError, match="cannot be loaded"):
        Model(file)
    file.unlink()
    with pytest.raises(ModelError, match=r"student-fp32\.tflite does not exist"):
        Chat(copied)
    with pytest.raises(ModelError, match="does not exist"):
        Model(file)
    (copied / "bundle.json").write_text("{")
    with pytest.raises(ModelError, match="is not JSON"):
        Chat(copied)


def test_self_test_passes_here_and_checks_ids(exported: Exported) -> None:
    for variant in ("fp32", "int8"):
        assert Chat(exported.mobile, variant).self_test()["ids_checked"] >= 1


def test_self_test_catches_silent_zeros(exported: Exported, copied: Path) -> None:
    """A file that loads and runs, but gives zeros; its size and its hash are right."""
    table = read_weights(exported.run / "student" / "hf").embedding.tobytes()
    _replace(copied, table, bytes(len(table)))
    with pytest.raises(ModelError, match=r"logits are all 0\.0"):
        Chat(copied, "fp32").self_test()


def test_self_test_catches_other_results(exported: Exported, copied: Path) -> None:
    table = read_weights(exported.run / "student" / "hf").embedding
    _replace(copied, table.tobytes(), np.ascontiguousarray(table[::-1]).tobytes())
    with pytest.raises(ModelError, match="golden prompt gives the ids"):
        Chat(copied, "fp32").self_test()


def test_a_changed_bit_is_caught_before_loading(exported: Exported, copied: Path) -> None:
    table = read_weights(exported.run / "student" / "hf").embedding.tobytes()
    file = copied / "student-fp32.tflite"
    data = bytearray(file.read_bytes())
    data[data.index(table)] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelError, match="sha256"):  # before the runtime sees it
        Chat(copied, "fp32")


def _replace(folder: Path, old: bytes, new: bytes) -> None:
    import hashlib

    file, bundle = folder / "student-fp32.tflite", folder / "bundle.json"
    data = file.read_bytes()
    assert data.count(old) == 1
    file.write_bytes(data.replace(old, new))
    values = json.loads(bundle.read_text())
    values["files"][file.name]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    bundle.write_text(json.dumps(values))


def test_command_line(exported: Exported, capsys: pytest.CaptureFixture[str], chat: Chat) -> None:
    expected = "".join(chat.stream("open the door", 6))
    options = ["--variant", "fp32", "--max-new-tokens", "6", "--self-test", "--constrain", "off"]
    assert main([str(exported.mobile), "open the door", *options]) == 0
    output = capsys.readouterr()
    assert output.out == expected + "\n"
    assert "self-test passed" in output.err
    assert "first token after" in output.err
    assert main([str(exported.mobile), "  "]) == 2
    assert "error: The prompt is empty" in capsys.readouterr().err
    assert main([str(exported.mobile / "nowhere"), "x"]) == 2
    assert main([str(exported.mobile), "x", "--seed", "-1"]) == 2
    assert "seed -1 0 or more" in capsys.readouterr().err
    for runner in ("compiled", "interpreter"):
        assert main([str(exported.mobile), "x", "--threads", "0", "--runner", runner]) == 2
        assert "threads is 0; 1 to 1024" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"), [([], "give a prompt, or --self-test"), (["x", "--max-new-tokens", "0"], "at least 1")]
)
def test_command_line_that_asks_for_nothing(
    exported: Exported, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(exported.mobile), *options])
    assert message in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_fault(exported: Exported) -> None:
    command = [sys.executable, "-m", "mobile.runtime", str(exported.mobile), "open the door", "--constrain", "off"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


def test_threads_that_share_a_chat_get_their_own_answers(exported: Exported) -> None:
    chat, texts = Chat(exported.mobile, "fp32", constrain="off"), ["on", "open the door", "é", "kitchen lights"]
    alone = {text: chat.answer(text, 9).ids for text in texts}
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda text: (text, chat.answer(text, 9).ids), texts * 5))
    assert [ids for _, ids in got] == [alone[text] for text, _ in got]


def test_another_tokenizer_or_other_tools_are_refused(copied: Path) -> None:
    for name in ("tokenizer.json", "tools.json"):
        text = (copied / name).read_text()
        (copied / name).write_text(text.replace("a", "b", 1))  # of the same length
        with pytest.raises(ModelError, match=f"{name} is damaged"):
            Chat(copied)
        (copied / name).write_text(text)
    Chat(copied)


def test_bytes_that_are_no_text(exported: Exported, chat: Chat) -> None:
    """A command line's bytes that are not UTF-8 arrive as lone surrogates."""
    with pytest.raises(PromptError, match="not valid UTF-8"):
        chat.prompt_ids("ab\udcff")
    command = [sys.executable, "-m", "mobile.runtime", str(exported.mobile), b"\xff\xfe"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: The text is not valid UTF-8")
    assert done.stderr.count(b"\n") == 1  # nothing of the libraries' notes


@pytest.mark.parametrize("constrain", ["schema", "substrings"])
def test_answers_are_valid_calls(exported: Exported, constrain: Any) -> None:
    """The student is random: left alone, it never says a call."""
    chat = Chat(exported.mobile)
    assert chat.constrain == "schema"  # there is a tools.json
    for text in ("on", "é"):  # short: the window of 48 holds no longer call, spelled byte by byte
        answer = chat.answer(text, constrain=constrain)
        assert json.loads(answer.text)["name"] in ("HassTurnOn", None)
        assert answer.refused > 0
        assert chat.tokenizer.decode(answer.ids) == answer.text
    with pytest.raises(ModelError, match="constrain is 'json'; known are off, schema, substrings"):
        chat.answer("x", constrain="json")  # type: ignore[arg-type]


def test_answer_says_whether_it_was_cut(chat: Chat) -> None:
    pieces: list[str] = []
    answer = chat.answer("open the door", 5, on_text=pieces.append)
    assert (answer.stopped, len(answer.ids), answer.refused) == (False, 5, 0)
    assert answer.text == "".join(pieces) == "".join(chat.stream("open the door", 5))
    assert 0 < answer.first <= answer.seconds
    assert answer.prompt_tokens == len(chat.prompt_ids("open the door"))
    free = chat.model.window - answer.prompt_tokens
    assert len(chat.answer("open the door").ids) <= free + 1  # the last one need not be read back


def test_prefix_is_read_once(exported: Exported) -> None:
    chat = Chat(exported.mobile, "fp32", constrain="off", reuse_prefix=True)
    plain = Chat(exported.mobile, "fp32", constrain="off")
    first = [{"role": "user", "content": "open the garage door"}]
    second = [{"role": "user", "content": "open the garage lamp"}]
    chat.answer(first, 4)
    common = [a == b for a, b in zip(chat.prompt_ids(first), chat.prompt_ids(second), strict=False)].index(False)
    assert common > 3
    before = list(chat.model.ids)
    assert chat.model.rewind(chat.prompt_ids(second)) == common
    assert chat.model.ids == before[:common]
    assert chat.answer(second, 4).ids == plain.answer(second, 4).ids
    assert chat.answer(second, 4).ids == plain.answer(second, 4).ids  # the same prompt again: its last id is read anew


def test_runtime_runs_alone(exported: Exported, tmp_path: Path) -> None:
    """The folder copied to a device, where nothing is installed but what its requirements.txt brings."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "mobile" / "runtime", tmp_path / "runtime", ignore=ignored)
    names = [line.split(">")[0] for line in (tmp_path / "runtime" / "requirements.txt").read_text().split()]
    assert names == ["ai-edge-litert", "numpy", "tokenizers"]
    for name in installed_closure(names):
        for file in metadata.distribution(name).files or []:
            top = file.parts[0]
            if top != ".." and not (tmp_path / top).exists():
                (tmp_path / top).symlink_to(Path(str(metadata.distribution(name).locate_file(top))))
    code = (
        "import sys; from runtime.__main__ import main; status = main(sys.argv[1:]); "
        "heavy = {'train', 'mobile', 'torch', 'tensorflow', 'pydantic'} & set(sys.modules); "
        "sys.exit(9 if heavy else status)"
    )
    environment = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    for start in (["-c", code], ["-m", "runtime"]):
        command = [sys.executable, "-S", *start, str(exported.mobile), "on"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["name"] in ("HassTurnOn", None)


def installed_closure(names: list[str]) -> set[str]:
    """The distributions and what they require here, but for the Hugging Face Hub: the runtime loads from files."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and name not in found and name != "huggingface-hub":
            found.add(name)
            waiting += [Requirement(text) for text in metadata.requires(name) or []]
    return found
