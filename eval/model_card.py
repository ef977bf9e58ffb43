"""Model cards: README.md in teacher/, student/ and mobile/ of a run, in Hugging Face's form (YAML front matter).

Made from run.json, config.yaml and the result files alone. Written after the evaluation and outside the hashed outputs
(train.runs.CARD), since the files they describe were finished before anything was measured.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.figures import megabytes, number, request_milliseconds, right_by, tokens_per_second, with_interval
from eval.report_markdown import table
from eval.results import Result
from train.atomic import write_text
from train.base_model import is_quantised
from train.config.schema import SMOLLM2, Config
from train.runs import CARD, RunFolder

SMOLLM2_HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
HEAD = ("Artifact", "Test set", "Rows", "Right, 95 % interval", "MB", "Tokens/s", "Request ms")


@dataclass(frozen=True)
class Kind:
    """One of the folders that get a card."""

    folder: str
    title: str
    stage: str  # that made it
    engines: str  # beginning of the ids of the engines that answer with it
    library: str
    what: str
    use: str


KINDS = (
    Kind(
        "teacher",
        "teacher",
        "finetune",
        "teacher-",
        "transformers",
        "A Llama-style causal language model, fine-tuned in PyTorch on chat rows.",
        'AutoModelForCausalLM.from_pretrained("teacher")',
    ),
    Kind(
        "student",
        "student",
        "distill",
        "student-",
        "keras-hub",
        "A small Llama-style model, distilled in Keras from the teacher's top-k logits: `student.keras`, and as a "
        "Hugging Face folder in `hf/`.",
        'AutoModelForCausalLM.from_pretrained("student/hf")',
    ),
    Kind(
        "mobile",
        "student for devices",
        "export",
        "student-tflite",
        "litert",
        "The student as TFLite files with signatures for prefill and decode; `bundle.json` says how to call them.",
        'python tandem.py chat RUN "turn on the kitchen lights"',
    ),
)


def write_cards(run: RunFolder, config: Config, results: Sequence[Result]) -> list[str]:
    """Writes the card of every folder that is there; their paths."""
    written = []
    for kind in KINDS:
        if (run.path / kind.folder).is_dir():
            path = run.path / kind.folder / CARD
            write_text(path, card(kind, run, config, results))
            written.append(str(path))
    return written


def card(kind: Kind, run: RunFolder, config: Config, results: Sequence[Result]) -> str:
    """The text of one card."""
    own = [result for result in results if result.engine.startswith(kind.engines) and result.quality]
    record = run.stage_record(kind.stage)
    parts = [
        f"---\n{_yaml(front_matter(kind, config, own))}---",
        f"# {config.name}: {kind.title}",
        kind.what,
        f"```\n{kind.use}\n```",
        "## Data",
        _data(config),
        "## Recipe",
        table(("Key", "Value"), _recipe(kind, config, record)),
        "## Measured",
        table(HEAD, quality_rows(own)) if own else "No engine has answered with it yet.",
        _measured_on(own),
        "## Licences",
        _licences(config),
        "## Limits",
        "\n".join(f"- {line}" for line in _limits(kind, config, own)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def front_matter(kind: Kind, config: Config, results: Sequence[Result]) -> dict[str, Any]:
    """What the Hub reads. A licence is only named where it is known."""
    values: dict[str, Any] = {
        "license": "apache-2.0" if config.model.source == SMOLLM2 else "other",
        "library_name": kind.library,
        "pipeline_tag": "text-generation",
        "tags": [*(["function-calling"] if config.eval.scorer == "call" else []), "on-device", "tandem"],
    }
    if config.data.source == "smart-home":
        values["language"] = "en"
    if kind.stage == "finetune" and config.model.source != "random":
        values["base_model"] = SMOLLM2_HUB if config.model.source == SMOLLM2 else config.model.source
    scores = [_score(result, name, config) for result in results for name in result.quality]
    if scores:
        values["model-index"] = [{"name": f"{config.name}-{kind.folder}", "results": scores}]
    return values


def _score(result: Result, name: str, config: Config) -> dict[str, Any]:
    return {
        "task": {"type": "text-generation", "name": "function calling" if config.eval.scorer == "call" else "chat"},
        "dataset": {"name": name, "type": "bfcl-eval" if name.startswith("bfcl_") else config.data.source},
        "metrics": [
            {
                "type": "exact_match" if right_by(result) == "exact match" else "accuracy",
                "name": f"{right_by(result)}, {result.engine}",
                "value": round(result.quality[name].exact.value, 4),
            }
        ],
    }


def quality_rows(results: Sequence[Result]) -> list[list[str]]:
    """One row an engine and test set; size and speed once an engine."""
    rows = []
    for result in results:
        rate, request = tokens_per_second(result), request_milliseconds(result)
        cost = [
            megabytes(result.artifact.bytes) if result.artifact else "–",
            "–" if rate is None else number(rate),
            "–" if request is None else number(request),
        ]
        for name, quality in result.quality.items():
            rows.append([result.engine, name, str(quality.exact.n), with_interval(quality.exact), *cost])
            cost = [""] * len(cost)
    return rows


def _measured_on(results: Sequence[Result]) -> str:
    timed = next((result for result in results if result.speed is not None), None)
    if timed is None or timed.speed is None:
        return ""
    speed = timed.speed
    return (
        f"Intervals: Wilson, 95 %. Speed: {speed.prompt_tokens} prompt and {speed.new_tokens} new tokens, batch of "
        f"one, {speed.threads} thread(s) of {timed.environment.get('cpu', 'a CPU')}; compare across machines by ratio "
        "only. All artifacts side by side: `report.html` of the run."
    )


def _data(config: Config) -> str:
    sources = ", ".join(part.source for part in config.data.mixture) or config.data.source
    return f"Source: {sources}. Splits, sampling, sources and their licences: `data/data_card.md` of the run."


def _recipe(kind: Kind, config: Config, record: dict[str, Any]) -> list[tuple[str, str]]:
    """The sections of the config that made it, then what the stage reported."""
    sections = {"finetune": ["model", "finetune"], "distill": ["student", "distill"], "export": ["student", "export"]}
    rows = [("seed", str(config.seed))]
    for section in sections[kind.stage]:
        values = getattr(config, section).model_dump(mode="json", exclude_none=True)
        rows += [(f"{section}.{key}", str(value)) for key, value in values.items()]
    rows += [(key, str(value)) for key, value in record.get("headline", {}).items() if not isinstance(value, dict)]
    if git := record.get("git"):
        rows.append(("code", f"{git['commit'][:12]}{' with local changes' if git.get('dirty') else ''}"))
    versions = record.get("environment", {}).get("versions", {})
    return [*rows, ("versions", ", ".join(f"{name} {version}" for name, version in versions.items()))]


def _licences(config: Config) -> str:
    base = config.model.source
    known = f"{SMOLLM2_HUB}, Apache-2.0" if base == SMOLLM2 else f"`{base}`: its own licence holds, see its card"
    return (
        f"Base model: {known}. Training data: see the data card. Code: the licence of the project. What is derived "
        "from the base model and the data is bound by their licences."
    )


def _limits(kind: Kind, config: Config, results: Sequence[Result]) -> list[str]:
    lines = ["Measured on the test sets above and nothing else."]
    if config.data.source == "smart-home":
        lines.append("English only, and the template language of the data: people say more than that.")
    if is_quantised(config.model):
        lines.append("The base weights were 4-bit weights de-quantised, not the published ones.")
    if kind.folder != "teacher":
        lines.append(
            f"Trained on rows of up to {config.data.max_length} tokens; "
            f"the exported window holds {config.export.window}."
        )
    if config.data.trim_vocabulary:
        lines.append("The vocabulary was trimmed to the training rows: other text is spelled in small pieces.")
    lines += [
        f"{result.engine}: {result.artifact.note}." for result in results if result.artifact and result.artifact.note
    ]
    return [
        *lines,
        "A call must be checked by the program that carries it out; nothing here refuses a harmful request.",
    ]


def _yaml(values: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    writer, stream = YAML(typ="safe", pure=True), io.StringIO()
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump(values, stream)
    return stream.getvalue()
