"""The Dockerfile can't be built here; what can be checked: it installs as the scripts do, and copies what exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINES = [
    line
    for line in (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]


def arguments(instruction: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in LINES if line.split()[0] == instruction]


def test_has_the_three_targets_on_one_base() -> None:
    stages = dict(reversed(value.split(" AS ")) for value in arguments("FROM"))
    assert stages == {
        "sources": "scratch",
        "base": "python:3.11-slim-bookworm",
        "torch": "base",
        "tensorflow": "base",
        "mobile": "base",
    }


def test_every_python_install_goes_through_setup_with_known_extras() -> None:
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    installs = [value for value in arguments("RUN") if "scripts/setup" in value]
    assert len(installs) == 3
    for value in installs:
        match = re.fullmatch(r"EXTRAS=([a-z,]+) \./scripts/setup", value)
        assert match, value
        assert set(match[1].split(",")) <= extras


def test_packages_are_installed_before_the_sources_are_copied() -> None:
    _, *stages = "\n".join(LINES).split("\nFROM base ")
    assert len(stages) == 3
    for stage in stages:
        assert [line.split()[0] for line in stage.splitlines()[1:]] == ["RUN", "COPY"]
        assert stage.splitlines()[-1] == "COPY --from=sources / ./"
    before = {name for value in arguments("COPY") if "./scripts/setup" in value for name in value.split()[:-1]}
    assert before == {"scripts/setup"}  # no other script's edit installs anything


def test_the_names_are_enough_for_an_editable_install() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = [name.rstrip("*") for name in setuptools["packages"]["find"]["include"]]
    (made,) = [value for value in arguments("RUN") if "mkdir" in value]
    folders, files = (part.split()[1:] for part in made.split("&&"))
    assert folders == packages
    # Without its __init__.py a package would be taken for a namespace, whose __init__.py is never run.
    assert {f"{name}.py" for name in setuptools["py-modules"]} | {f"{name}/__init__.py" for name in packages} <= set(
        files
    )


def test_everything_copied_exists_and_everything_needed_is_copied() -> None:
    copied = {name for value in arguments("COPY") if "--from" not in value for name in value.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    assert {"train", "mobile", "eval", "configs", "scripts", "tandem.py", "pyproject.toml", "constraints.txt"} <= copied


def test_instructions_are_known() -> None:
    known = {"FROM", "RUN", "COPY", "WORKDIR", "ENV", "ENTRYPOINT", "CMD"}
    assert {line.split()[0] for line in LINES} <= known
