"""The resolved config with the origin of each value, which stages are done, and what the rows are like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from train.config import LoadedConfig
from train.data_statistics import print_statistics
from train.runs import RunFolder, Stage, is_done


def print_plan(loaded: LoadedConfig, stages: Sequence[Stage]) -> dict[str, Any]:
    """Prints the plan on stdout; returns run folder and stages to do. Nothing is written or trained."""
    run = RunFolder(loaded.config.runs_dir / loaded.config.name)
    console = Console()
    table = Table("key", "value", "from", title=f"Config {loaded.path}", title_justify="left")
    for key, value in _flat(loaded.config.model_dump(mode="json")):
        table.add_row(key, str(value), loaded.origin(key))
    console.print(table)
    to_do = [stage.name for stage in stages if not is_done(stage, loaded.config, run)]
    for stage in stages:
        console.print(f"{stage.name:10s} {'to do' if stage.name in to_do else 'done'}", highlight=False)
    result = {"run": str(run.path), "to_do": to_do}
    if "data" in to_do:
        console.print("Statistics of the rows: after the data stage (tandem data CONFIG).", highlight=False)
        return result
    return result | {"data": print_statistics(loaded.config, run, console)}


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
