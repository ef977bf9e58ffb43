"""`tandem verify RUN`: are the exported files the ones that were recorded, and can they be made again?

Every recorded export is rebuilt from its weights into a temporary folder; each .tflite, .litertlm, tokenizer.json and
tools.json must have the sha256 of run.json, there and in the run. bundle.json holds measurements, so it is compared
with run.json as it lies, and not made again.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from mobile.export.build import build_models, build_rest, check_ability
from mobile.export.source import Source, find_source
from mobile.export.stage import read_source
from train.atomic import sha256_file
from train.config.schema import ExportConfig
from train.errors import GateError, UserError
from train.progress import progress
from train.runs import RunFolder, find_run


def verify(run_path: Path) -> dict[str, Any]:
    """Headline: files checked, by export. GateError (status 3) names every file that differs."""
    run = find_run(run_path)
    records = {name: entry for name, entry in run.record()["stages"].items() if name.split("-")[0] == "export"}
    if not records:
        raise UserError(f"{run.path / 'run.json'} records no export. Run one first: tandem export CONFIG")
    checked: dict[str, int] = {}
    differing: list[str] = []
    for stage, record in records.items():
        source = find_source(record["headline"].get("source", "student"), run)
        outputs: dict[str, str] = record["outputs"]
        damaged = _damaged(run, outputs)
        differing += damaged
        bundle = f"{source.output}/bundle.json"
        if not any(line.startswith(bundle) for line in damaged):  # it says what to build
            differing += _rebuilt_differently(run, source, recorded_config(run.path / bundle), outputs)
        checked[stage] = len(outputs)
    if differing:
        raise GateError(
            f"{run.path}: {len(differing)} files differ from run.json:\n  " + "\n  ".join(differing) + "\n"
            "Export again with: tandem export CONFIG. A file that is rebuilt differently with the same "
            "library versions (run.json, 'environment') is a fault of the exporter."
        )
    return {"run": str(run.path), "verified": checked}


def _damaged(run: RunFolder, outputs: dict[str, str]) -> list[str]:
    found = []
    for name, digest in sorted(outputs.items()):
        path = run.path / name
        if not path.is_file():
            found.append(f"{name}: missing")
        elif sha256_file(path) != digest:
            found.append(f"{name}: changed since the export")
    return found


def recorded_config(bundle: Path) -> ExportConfig:
    """The part of the config that decides the bytes, as it was at the export: config.yaml may have changed since."""
    values = json.loads(bundle.read_text(encoding="utf-8"))
    if "verify" not in values:
        raise UserError(
            f"{bundle} was written by an older exporter, whose files had other bytes for the same weights. "
            "Export again with: tandem export CONFIG."
        )
    return ExportConfig(
        prefill=values["prefill"],
        window=values["window"],
        verify=values["verify"],
        variants=sorted(values["variants"]),
        int4_block=values["int4_block"],
        litertlm=values["litertlm_file"] is not None,
    )


def _rebuilt_differently(run: RunFolder, source: Source, config: ExportConfig, outputs: dict[str, str]) -> list[str]:
    recorded = {Path(name).name: digest for name, digest in outputs.items() if not name.endswith("bundle.json")}
    weights, tokenizer = read_source(source)
    check_ability(config, weights.shape)
    with (
        tempfile.TemporaryDirectory(prefix="tandem-verify-") as name,
        progress("verify", len({"fp32", *config.variants}), "files") as meter,
    ):
        folder = Path(name)
        build_models(weights, config, source.name, folder, meter.advance)
        build_rest(source, tokenizer, config, run.data, folder)
        made = {path.name: sha256_file(path) for path in folder.iterdir()}
    return [
        f"{source.output}/{name}: rebuilt with other bytes" if name in made else f"{source.output}/{name}: not rebuilt"
        for name, digest in sorted(recorded.items())
        if made.get(name) != digest
    ]
