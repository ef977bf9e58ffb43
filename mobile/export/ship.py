"""An exported folder with one of its variants: what an app embeds.

    python -m mobile.export.ship runs/demo/mobile app/model --variant int8

The other variants stay out of the folder and of its bundle.json; tokenizer, tools, gates and card come along.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from mobile.runtime.bundle import Bundle
from mobile.runtime.errors import ModelError
from train.atomic import whole_folder, write_json
from train.command import guarded
from train.errors import UserError
from train.runs import CARD

BUNDLE = "bundle.json"


def ship(source: Path, target: Path, variant: str, litertlm: bool = True) -> dict[str, Any]:
    """Writes `target`, whole or not at all; a card that is there already stays. Returns its files and their bytes.

    A link is followed: the folder behind it is written. UserError: `source` is no exported folder, is damaged, or has
    no such variant; `target` holds something else than a shipped model, or is `source`, lies in it or around it.
    """
    target = target.resolve()
    try:
        bundle = Bundle(source)
        described: dict[str, Any] = json.loads((source / BUNDLE).read_text(encoding="utf-8"))
        if variant not in described["variants"]:
            known = ", ".join(described["variants"])
            raise UserError(f"{source} has no variant {variant!r}; it has {known}. Add it to export.variants.")
        described = reduced(described, variant, litertlm)
        for name in described["files"]:
            bundle.check_hash(name)
    except ModelError as error:
        raise UserError(str(error)) from error
    check_target(source, target)
    card = next((folder / CARD for folder in (target, source) if (folder / CARD).is_file()), None)
    text = None if card is None else card.read_text(encoding="utf-8")
    with whole_folder(target) as temporary:
        for name in described["files"]:
            shutil.copyfile(source / name, temporary / name)
        write_json(temporary / BUNDLE, described)
        if text is not None:
            (temporary / CARD).write_text(text, encoding="utf-8")
    return {"folder": str(target), "bytes": {name: entry["bytes"] for name, entry in described["files"].items()}}


def check_target(source: Path, target: Path) -> None:
    """UserError where writing `target` would delete what this command did not write, or `source` itself."""
    ours, theirs = source.resolve(), target.resolve()
    if ours == theirs or ours in theirs.parents or theirs in ours.parents:
        raise UserError(f"The target {target} and the source {source} lie in one another. Name another folder.")
    if target.exists() and not target.is_dir():
        raise UserError(f"The target {target} is a file. Name a folder.")
    names = {path.name for path in target.iterdir()} if target.is_dir() else set()
    shipped = shipped_files(target)
    if foreign := sorted(names - {*shipped, BUNDLE, CARD}):
        raise UserError(
            f"The target {target} holds {foreign[0]!r} ({len(foreign)} such in all), which its {BUNDLE} does not list, "
            "and would be replaced as a whole. Name a new folder, or one that this command wrote and nobody else uses."
        )
    if shipped and (theirs.parent / "run.json").is_file() and theirs.name in ("mobile", "mobile-teacher"):
        raise UserError(f"The target {target} is the export of the run {theirs.parent}. Name another folder.")


def shipped_files(target: Path) -> set[str]:
    """What the bundle.json of an earlier call lists. UserError where it is of another kind: an export has variants."""
    path = target / BUNDLE
    if not path.exists():
        return set()
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        files, variants = set(described["files"]), sorted(described["variants"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no description of a model ({error!r}). Name another folder.") from error
    if len(variants) > 1:
        raise UserError(
            f"The target {target} is a whole export, of {', '.join(variants)}, and would be replaced by one variant. "
            "Name another folder."
        )
    return files


def reduced(described: dict[str, Any], variant: str, litertlm: bool) -> dict[str, Any]:
    """bundle.json of one variant. The .litertlm file holds the int8 weights: it goes with no other."""
    litertlm = litertlm and variant == "int8"
    chosen = described["variants"][variant]
    unwanted = {entry["file"] for name, entry in described["variants"].items() if name != variant}
    if not litertlm:
        unwanted.add(described["litertlm_file"])
    golden = described["golden"]
    return described | {
        "variants": {variant: chosen},
        "litertlm_file": described["litertlm_file"] if litertlm else None,
        "golden": golden | {"first_ids": {variant: golden["first_ids"][variant]}},
        "files": {name: entry for name, entry in described["files"].items() if name not in unwanted},
    }


def main(
    source: Annotated[Path, typer.Argument(help="exported folder, e.g. runs/demo/mobile")],
    target: Annotated[Path, typer.Argument(help="folder to write")],
    variant: Annotated[str, typer.Option(help="fp32, int8, int4 or portable")] = "int8",
    litertlm: Annotated[bool, typer.Option(help="with the .litertlm file, where the variant is int8")] = True,
) -> None:
    """One variant of an exported folder. Example: python -m mobile.export.ship runs/demo/mobile app/model"""
    raise typer.Exit(guarded(lambda: ship(source, target, variant, litertlm)))


if __name__ == "__main__":
    typer.run(main)
