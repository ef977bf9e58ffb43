"""The JVM core: compiled as an Android project compiles it, checked against the contract's vectors and old APIs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.mobile.class_files import OldLibrary, read_class

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = REPOSITORY / "mobile" / "jvm" / "src"
VECTORS = REPOSITORY / "mobile" / "contract" / "vectors"
PREBUILT = REPOSITORY / "mobile" / "prebuilt" / "small"

# Every list of the contract that the JVM core must agree with, with the fewest cases a complete run has.
LISTS = {
    "tokenizer.encode": 500, "tokenizer.decode": 50, "chat_template.cases": 50, "sampler.cases": 100,
    "plan.cases": 100, "stream.streams": 50, "stream.answers": 5, "constraint.cases": 100, "constraint.refused": 20,
    "constraint.walks": 20, "constraint.schemas": 60, "actions.cases": 100, "actions.answers": 5,
    "actions.similarity": 30, "damaged.cases": 30, "golden.cases": 50, "drafter.cases": 30,
}  # fmt: skip

# D8 puts these into the app itself ("desugaring"): records, lambdas, string concatenation.
DESUGARED = (
    "java/lang/Record", "java/lang/runtime/ObjectMethods", "java/lang/invoke/StringConcatFactory",
    "java/lang/invoke/LambdaMetafactory", "java/lang/invoke/MethodHandles",
)  # fmt: skip


@pytest.fixture(scope="module")
def java_home() -> Path:
    """The folder of a JDK of 17 or newer."""
    compiler = shutil.which("javac")
    if compiler is None:
        pytest.skip("no JDK on this machine: javac is not on PATH (Debian: apt-get install openjdk-17-jdk-headless)")
    version = subprocess.run([compiler, "-version"], capture_output=True, text=True, check=True)
    if int(re.findall(r"\d+", version.stdout + version.stderr)[0]) < 17:
        pytest.skip(
            f"the JVM core needs a JDK of 17 or newer, and javac is {(version.stdout + version.stderr).strip()}"
        )
    return Path(compiler).resolve().parents[1]


@pytest.fixture(scope="module")
def classes(java_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the compiled core and, in a folder apart, its checks."""
    folder = tmp_path_factory.mktemp("jvm")
    for part in ("main", "test"):
        sources = sorted(map(str, (SOURCES / part).rglob("*.java")))
        assert sources, f"no sources in {SOURCES / part}"
        options = ["-Xlint:all", "-Werror", "--release", "17", "-d", str(folder / part)]
        options += ["-cp", str(folder / "main")] if part == "test" else []
        command = [java_home / "bin" / "javac", *options, *sources]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return folder


def test_every_vector_of_the_contract_agrees(java_home: Path, classes: Path) -> None:
    path = f"{classes / 'main'}:{classes / 'test'}"
    command = [java_home / "bin" / "java", "-XX:TieredStopAtLevel=1", "-cp", path, "dev.tandem.runtime.VectorCheck"]
    done = subprocess.run([*command, VECTORS, PREBUILT], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-2000:]}"
    counted = dict(line.split()[1:] for line in done.stdout.splitlines() if re.fullmatch(r"ok [a-z_.]+ \d+", line))
    assert {name for name, least in LISTS.items() if int(counted.get(name, 0)) >= least} == set(LISTS), done.stdout
    assert "ok bad input" in done.stdout
    assert "ok speculative answers" in done.stdout


def test_only_apis_of_android_26_are_called(java_home: Path, classes: Path) -> None:
    """Android 8 (API 26) has the classes of Java 8; later ones (List.of, String.strip …) are not on every device."""
    library = OldLibrary(java_home / "lib" / "ct.sym", "8")
    assert library.has("java/lang/String", "trim ()Ljava/lang/String;")
    assert not library.has("java/lang/String", "strip ()Ljava/lang/String;"), "the check would find nothing"
    used = {use for path in (classes / "main").rglob("*.class") for use in read_class(path.read_bytes()).uses}
    foreign = {(name, member) for name, member in used if not name.startswith(("dev/tandem/", "["))}
    assert len(foreign) > 100
    too_new = {use for use in foreign if use[0] not in DESUGARED and not library.has(*use)}
    assert not too_new


def test_nothing_that_means_different_things_on_android() -> None:
    """Regular expressions run on ICU there, and default locales and charsets differ."""
    wrong = re.compile(
        r"java\.util\.regex|\.matches\(|\.replaceAll\(|\.replaceFirst\(|toLowerCase\(\)|toUpperCase\(\)|\.getBytes\(\)"
    )
    split = re.compile(r"\.split\((?!\"[ /]\"\))")  # a single character that is no meta-character uses no expression
    for path in sorted((SOURCES / "main").rglob("*.java")):
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        found = [*wrong.findall(code), *split.findall(code)]
        assert not found, f"{path}: {found}"
