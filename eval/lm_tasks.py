"""`tandem tasks`: lm-evaluation-harness tasks on any artifact that gives probabilities, from local files, no network.

A task is data: a YAML file in lm-eval's own format that names a local JSONL (eval/tasks has one to start from). One
adapter over the engine protocol serves the teacher, the student and the exported file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.client import worker_environment
from eval.engines.likelihood import LikelihoodEngine
from eval.engines.registry import check_known, make_engine, spec_of
from train.config import load_config
from train.config.load import parse_yaml
from train.errors import MissingExtraError, UserError
from train.hardware import cores
from train.intervals import wilson
from train.runs import find_run

TASKS = Path(__file__).with_name("tasks")


def run_tasks(run_path: Path, engine: str, names: Sequence[str], folder: Path | None = None) -> dict[str, Any]:
    """Figures of the tasks `names` (all of the folder where empty) on one artifact of a run. No folder: eval/tasks.

    Raises UserError for an unknown task, an engine without probabilities, or a task whose data is missing.
    """
    run = find_run(run_path)
    check_known([engine], source="--on")
    chosen = chosen_tasks(names, folder or TASKS)
    config = load_config(run.path / "config.yaml").config
    spec = spec_of(engine, run, config, cores(), "auto")
    os.environ.update(worker_environment(spec))  # before any framework is imported
    os.environ["HF_DATASETS_OFFLINE"] = "1"
    made = make_engine(spec)
    made.load()
    return {"engine": engine, "tasks": evaluate(made, chosen, folder or TASKS)}


def evaluate(engine: Any, names: Sequence[str], folder: Path) -> dict[str, Any]:
    """Task → figures, of a loaded engine. Shares get Wilson's interval: lm-eval's own ± is 0 at 100 %."""
    try:
        from lm_eval import simple_evaluate
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise MissingExtraError(error.name or "lm-eval", "bench", "lm-eval tasks") from None
    if not isinstance(engine, LikelihoodEngine):
        raise UserError("This engine gives no probabilities, which lm-eval's tasks need: take a teacher or a student.")
    chosen, folder = chosen_tasks(names, folder), folder.resolve()  # the current folder changes below
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    previous = Path.cwd()
    os.chdir(folder)  # data_files in a task are named relative to its folder
    try:
        found = simple_evaluate(
            _adapter(engine), tasks=chosen, task_manager=manager, bootstrap_iters=0, log_samples=True
        )
    except FileNotFoundError as error:
        raise UserError(f"A task's data is missing: {error}.") from None
    finally:
        os.chdir(previous)
    assert found is not None
    return {name: _figures(values, found["samples"][name]) for name, values in found["results"].items()}


def chosen_tasks(names: Sequence[str], folder: Path) -> list[str]:
    """`names`, or all tasks of the folder where empty. Raises UserError where one is unknown, or there is none."""
    known = known_tasks(folder)
    if not known:
        raise UserError(f"{folder} (--folder) holds no task: a YAML file in lm-eval's format with the key 'task'.")
    if unknown := [name for name in names if name not in known]:
        raise UserError(f"{folder} has no task {unknown[0]!r} (--task). Tasks here: {', '.join(known)}.")
    return list(names or known)


def known_tasks(folder: Path) -> list[str]:
    """Names of the tasks of a folder. Raises UserError where it is none, or a file is not valid YAML."""
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} (--folder): name the one that holds lm-eval's task files.")
    found = [parse_yaml(path) for path in sorted(folder.glob("*.yaml"))]
    return [str(task["task"]) for task in found if isinstance(task, dict) and "task" in task]


def _figures(values: dict[str, Any], samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """lm-eval's figures without its ±, and an interval beside each share."""
    figures: dict[str, Any] = {"rows": len(samples)}
    for key, value in values.items():
        name, _, _ = key.partition(",")
        if not isinstance(value, int | float) or "stderr" in key:
            continue
        figures[name] = value
        rows = [sample[name] for sample in samples if name in sample]
        if rows and all(row in (0, 1) for row in rows):
            interval = wilson(int(sum(rows)), len(rows))
            figures[f"{name}_interval"] = [interval.low, interval.high]
    return figures


def _adapter(engine: LikelihoodEngine) -> Any:
    from lm_eval.api.model import TemplateLM

    class EngineLM(TemplateLM):
        """lm-eval's model over an engine. Texts are plain: no chat template, as lm-eval's tasks expect."""

        def __init__(self) -> None:
            super().__init__()
            self.engine: Any = engine

        @property
        def eot_token_id(self) -> int:
            return int(engine.tokenizer.pad_id)

        def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
            return engine.tokenizer.text(string)

        def _loglikelihood_tokens(self, requests: Any, **kwargs: Any) -> list[tuple[float, bool]]:
            return [_score(engine, context, continuation) for _, context, continuation in requests]

        def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> list[float]:
            return [_score(engine, [self.eot_token_id], self.tok_encode(request.args[0]))[0] for request in requests]

        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
            return [self._generate(*request.args) for request in requests]

        def _generate(self, context: str, settings: dict[str, Any]) -> str:
            """Greedy, whatever the task says of temperature: the engines are."""
            [ids] = self.engine.generate([self.tok_encode(context)], int(settings.get("max_gen_toks", 64)))
            text = engine.tokenizer.decode([token for token in ids if token != engine.tokenizer.stop_id])
            ends = [text.find(end) for end in settings.get("until", []) if end and end in text]
            return text[: min(ends)] if ends else text

    return EngineLM()


def _score(engine: LikelihoodEngine, context: list[int], continuation: list[int]) -> tuple[float, bool]:
    """Log-likelihood of the continuation, and whether greedy decoding would have written it."""
    if not continuation:
        return 0.0, True
    found = engine.log_probs(context + continuation, len(context))
    value = float(found[np.arange(len(continuation)), continuation].sum(dtype=np.float64))
    return (value if math.isfinite(value) else -math.inf), found.argmax(-1).tolist() == continuation
