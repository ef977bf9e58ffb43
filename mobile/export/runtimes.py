"""Do other runtimes answer as the project's own does? CompiledModel, LiteRT-LM, and tflite-runtime 2.14.

Compared are greedy answers up to the first close tie (`greedy.py`): there another kernel's rounding may rightly choose
another token.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mobile.export.gates import Gate
from mobile.export.greedy import SureIds, sure_ids
from mobile.export.legacy import REQUIREMENTS, LegacyUnavailableError, legacy_ids
from mobile.runtime.model import Model
from train.chat import ChatTokenizer
from train.child import module_command, module_environment

TEXTS = ("turn on the kitchen lights", "what is the temperature in the living room", "set the lamp to 20%")
STEPS = 48
TIMEOUT = 600  # seconds; a hung runtime must not hang the export


def prompts(texts: Sequence[str], tokenizer: ChatTokenizer, window: int) -> dict[str, list[int]]:
    """Ids of each text's prompt, those that leave room for an answer in the window."""
    found = {text: tokenizer.prompt([{"role": "user", "content": text}]) for text in texts}
    return {text: ids for text, ids in found.items() if len(ids) + 1 < window}


def compiled_gate(
    variant: str, model: Model, other: Model, asked: Sequence[list[int]], stop_ids: Sequence[int]
) -> Gate:
    """The Interpreter's ids on CompiledModel, which `other` is."""
    sure = [sure_ids(model, ids, STEPS, stop_ids) for ids in asked]
    got = [sure_ids(other, ids, STEPS, stop_ids, margin=0.0).ids for ids in asked]
    return _ids_gate(f"compiled_model_{variant}", model.path.name, "CompiledModel", sure, got)


def legacy_gate(model: Model, asked: Sequence[list[int]]) -> Gate:
    """The Interpreter's ids on tflite-runtime 2.14; not run, and saying so, where its environment can't be made."""
    sure = [sure_ids(model, ids, STEPS) for ids in asked]
    try:
        got = legacy_ids(model.path, asked, STEPS)
    except LegacyUnavailableError as error:
        return Gate("tflite_runtime", None, {}, f"not run: {error}")
    return _ids_gate("tflite_runtime", model.path.name, REQUIREMENTS[0], sure, got)


def litertlm_gate(
    bundle: Path, model: Model, asked: dict[str, list[int]], tokenizer: ChatTokenizer, stop_ids: Sequence[int]
) -> Gate:
    """The Interpreter's text from the official runtime on the `.litertlm`."""
    steps = min(STEPS, *(model.window - len(ids) - 1 for ids in asked.values())) if asked else 0
    request = {"bundle": str(bundle), "texts": list(asked), "steps": steps}
    try:
        child = subprocess.run(
            module_command("mobile.export.litertlm_child"), env=module_environment(),
            input=json.dumps(request), capture_output=True, text=True, timeout=TIMEOUT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Gate("litert_lm", False, {}, f"the runtime gave no answer within {TIMEOUT} s")
    if child.returncode:
        return Gate("litert_lm", False, {}, f"the runtime ended with status {child.returncode}: {child.stderr[-600:]}")
    got: list[str] = json.loads(child.stdout.splitlines()[-1])
    figures, wrong = {"prompts": len(asked), "characters": 0}, ""
    for (text, ids), answer in zip(asked.items(), got, strict=True):
        sure = sure_ids(model, ids, steps, stop_ids)
        expected, whole = sure_text(sure, tokenizer)
        figures["characters"] += len(expected)
        if not (answer == expected if whole else answer.startswith(expected)):
            wrong = wrong or f"LiteRT-LM answers {answer!r} to {text!r}, the project's runtime {expected!r}"
    return Gate("litert_lm", not wrong, figures, wrong)


def sure_text(sure: SureIds, tokenizer: ChatTokenizer) -> tuple[str, bool]:
    """Text of the sure ids, up to the first character that is not complete, and whether nothing may follow it."""
    text = tokenizer.decode(sure.ids)
    clean = text.split("\ufffd")[0]
    return clean, sure.whole and clean == text


def _ids_gate(name: str, file: str, runtime: str, sure: Sequence[SureIds], got: Sequence[Sequence[int]]) -> Gate:
    figures = {"file": file, "prompts": len(sure), "ids": sum(len(one.ids) for one in sure)}
    for one, other in zip(sure, got, strict=True):
        if not one.agrees(other):
            message = f"{runtime} generates {list(other)[:12]} where the Interpreter generates {one.ids[:12]} ({file})"
            return Gate(name, False, figures, message)
    return Gate(name, True, figures)
