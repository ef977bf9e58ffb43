"""The project's pages: links lead somewhere, and the files, verbs and config keys that commands name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

import tandem
from train.config import Config

ROOT = Path(__file__).parents[1]
APART = {".venv", "node_modules", "runs", ".git"}
PAGES = sorted(
    path.relative_to(ROOT)
    for path in ROOT.rglob("*.md")
    if path.name != "LOG.md"
    and not APART & set(path.relative_to(ROOT).parts)  # a log is a record: it may name what is no more
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:^|[`\s])tandem ([a-z]+)((?: [^`#\n]*)?)", re.MULTILINE)
FILE = re.compile(r"(?<![\w./-])((?:configs|scripts|train|mobile|eval)/[\w./-]*\w)")
METRICS = {"train/loss", "train/tok_per_s", "eval/loss"}  # names of figures look like files
OVERRIDE = re.compile(r"\b((?:model|data|finetune|distill|student|export|eval|track)\.[a-z_.]+)=")


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall((ROOT / page).read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page.parent / path).resolve() if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        assert not anchor or anchor in anchors(target), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_commands_name_verbs_keys_and_files_that_exist(page: Path) -> None:
    text, verbs = (ROOT / page).read_text(encoding="utf-8"), set(get_command(tandem.app).commands)  # type: ignore[attr-defined]
    for verb, rest in COMMAND.findall(text):
        assert verb in verbs, f"{page}: tandem {verb}{rest}"
    for key in OVERRIDE.findall(text):
        section, *names = key.split(".")
        fields = Config.model_fields[section].annotation.model_fields  # type: ignore[union-attr]
        assert names[0] in fields, f"{page}: {key}"
    for name in FILE.findall(text):
        known = any(path.exists() for path in (ROOT / name, ROOT / page.parent / name, ROOT / f"{name}.py"))
        assert known or name in METRICS, f"{page}: {name}"
