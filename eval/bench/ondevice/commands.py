"""Real commands, answered by a trained model: what speculative decoding is worth, beside llama.cpp on the same weights.

Draft tokens need answers that mean something, so random weights will not do here. Every round asks commands that no
round asked before: a runtime that learns from its answers has seen others like them, as in an app, and never the same
ones. Timed is the answering, greedy and without a constraint; reading the prompts is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval.bench.ondevice.amx import amx_is_granted
from eval.bench.ondevice.contestants import ENTRIES, Entry, gguf, tflite, without_file, without_library
from eval.bench.ondevice.figures import rate
from eval.bench.ondevice.files import files_of
from eval.bench.ondevice.result import CommandsResult, CommandsRunner, Target
from eval.bench.ondevice.targets import target
from eval.bench.ondevice.workload import Commands, OndeviceWorkload, model_config, write_commands
from eval.bench.rounds import Rounds, Running
from train.atomic import sha256_json
from train.chat import ChatTokenizer
from train.errors import UserError
from train.hardware import environment
from train.intervals import median_ratio

A_ROUND = 20  # commands
LIMIT = 64  # tokens of an answer, at most
LOOKUP, DRAFTS = (
    ("LookupLlamaCpp", ", llama-cpp-python's prompt lookup"),
    ("TandemDraftsLlamaCpp", " with Tandem's draft tokens"),
)
CONTESTANTS: dict[str, Entry] = {
    "interpreter-int8": ENTRIES["interpreter-int8"],
    "compiled-int8": ENTRIES["compiled-int8"],
    "interpreter-int8-speculative": tflite("int8", "interpreter", "Interpreter", speculative=True),
    "compiled-int8-speculative": tflite("int8", "compiled", "CompiledModel", speculative=True),
    "compiled-int4-row": ENTRIES["compiled-int4-row"],
    "compiled-int4-row-speculative": tflite("int4-row", "compiled", "CompiledModel", speculative=True),
    "llama-q8": ENTRIES["llama-q8"],
    "llama-q8-lookup": gguf("q8", "Q8_0", *LOOKUP),
    "llama-q8-speculative": gguf("q8", "Q8_0", *DRAFTS),
    "llama-q4": ENTRIES["llama-q4"],
    "llama-q4-lookup": gguf("q4", "Q4_0", *LOOKUP),
    "llama-q4-speculative": gguf("q4", "Q4_0", *DRAFTS),
}
AIMS = (
    ("real commands, int8 vs llama.cpp Q8_0", "compiled-int8-speculative", "llama-q8", 1.3),
    ("real commands, int8 vs Q8_0 with llama-cpp-python's lookup", "compiled-int8-speculative", "llama-q8-lookup", 1.3),
    (
        "real commands, int8 vs Q8_0 with the same draft tokens",
        "compiled-int8-speculative",
        "llama-q8-speculative",
        1.0,
    ),
    ("real commands, int4 vs llama.cpp Q4_0", "compiled-int4-row-speculative", "llama-q4", 1.1),
    ("real commands, int8 with speculative decoding vs without", "compiled-int8-speculative", "compiled-int8", 1.0),
)


def read_prompts(path: Path, model: Path, wanted: int) -> Commands:
    """The first user messages of a chat JSONL. UserError where there are fewer than wanted."""
    tokenizer = ChatTokenizer.load(model)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        messages = [json.loads(line)["messages"] for line in lines[:wanted]]
        said = [next(one["content"] for one in row if one["role"] == "user") for row in messages]
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise UserError(f"--commands {path} is no chat JSONL ({error!r}). Give a data/t3.jsonl of a run.") from None
    if len(said) < wanted:
        raise UserError(f"--commands {path} has {len(said)} rows; {wanted} are asked. Lower --rounds.")
    prompts = [tokenizer.prompt([{"role": "user", "content": text}]) for text in said]
    return Commands(prompts, tokenizer.stop_id, LIMIT)


@dataclass(frozen=True)
class CommandsBench:
    """One run of scripts/bench_ondevice --commands.

    Args:
        folder: for the files.
        commands: chat JSONL whose user messages are asked.
    """

    folder: Path
    workload: OndeviceWorkload
    commands: Path
    rounds: int
    threads: int
    only: list[str]
    command: str

    def measure(self) -> CommandsResult:
        """Everything, as a result file has it."""
        entries = self._entries()
        commands = read_prompts(self.commands, Path(self.workload.model), A_ROUND * (self.rounds + 1))
        longest = max(len(prompt) for prompt in commands.prompts) + LIMIT
        if longest > self.workload.window:
            raise UserError(f"A command and its answer take {longest} tokens, more than --window. Raise it.")
        missing = without_library(entries)
        kinds = list(dict.fromkeys(entry.kind for name, entry in entries.items() if name not in missing))
        made = files_of(self.folder, self.workload, kinds)
        write_commands(self.folder, commands)
        absent = missing | without_file(entries, made)
        loads: list[float] = []
        taking_part = {name: entry.contestant for name, entry in entries.items() if name not in absent}
        turns = Rounds(self.folder, self.rounds, self.threads)
        running = turns.together(taking_part, _first, _round, loads)
        first: list[list[int]] = next((found.first["answers"] for found in running.values() if found.error is None), [])
        runners = [_runner(name, entry, running.get(name), absent.get(name), first) for name, entry in entries.items()]
        return CommandsResult(
            command=self.command,
            environment=environment(),
            workload=asdict(self.workload)
            | {"model": model_config(self.workload), "commands": self.commands.name, "amx": amx_is_granted()},
            rounds=self.rounds,
            commands_a_round=A_ROUND,
            threads=self.threads,
            load_average=loads,
            runners=runners,
            targets=targets({runner.name: runner for runner in runners}),
        )

    def _entries(self) -> dict[str, Entry]:
        unknown = [name for name in self.only if name not in CONTESTANTS]
        if unknown:
            raise UserError(f"--only has {unknown[0]!r}; known contestants of commands: {', '.join(CONTESTANTS)}.")
        return {name: entry for name, entry in CONTESTANTS.items() if not self.only or name in self.only}


def _first(entry: Running) -> None:
    """Loads, and answers commands that are not counted."""
    entry.load_s = entry.process.load()
    entry.process.ask("commands", start=0, count=A_ROUND)
    entry.first["answers"] = []


def _round(entry: Running) -> None:
    done = len(entry.first["answers"])
    got = entry.process.ask("commands", start=A_ROUND + done, count=A_ROUND)
    entry.first["answers"] += got["ids"]
    for name in ("seconds", "tokens", "calls"):
        entry.rounds.setdefault(name, []).append(got[name])


def _runner(
    name: str, entry: Entry, found: Running | None, absent: str | None, first: list[list[int]]
) -> CommandsRunner:
    common: dict[str, Any] = {
        "name": name, "label": entry.contestant.label, "runtime": entry.runtime, "dtype": entry.dtype
    }  # fmt: skip
    if found is None or found.error is not None:
        return CommandsRunner(**common, status="failed", error=absent or (found.error if found else None))
    seconds, tokens, calls = (found.rounds[key] for key in ("seconds", "tokens", "calls"))
    return CommandsRunner(
        **common,
        status="ok",
        token_s=[spent / count for spent, count in zip(seconds, tokens, strict=True)],
        decode=rate([count / spent for spent, count in zip(seconds, tokens, strict=True)]),
        tokens=round(sum(tokens)),
        calls=round(sum(calls)),
        answers_sha256=sha256_json(found.first["answers"]),
        same_answers=sum(one == two for one, two in zip(found.first["answers"], first, strict=True)),
    )


def targets(runners: Mapping[str, CommandsRunner]) -> list[Target]:
    """Aims whose two sides were measured: seconds a token, round by round."""
    found = []
    for name, ours, rival, wanted in AIMS:
        sides = [runners[side].token_s for side in (ours, rival) if side in runners and runners[side].token_s]
        if len(sides) == 2:
            ratio = median_ratio(sides[0], sides[1])
            found.append(target(name, wanted, ratio, "x", False, f"{ours} against {rival}"))
    return found
