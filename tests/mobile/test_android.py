"""The Android project as far as a machine without Android's SDK can tell.

Resources and build files are read, and the Kotlin sources compiled for both flavours against the JVM core and
declarations of the Android API (tests/mobile/android_api).
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = REPOSITORY / "mobile" / "android"
CORE = REPOSITORY / "mobile" / "jvm" / "src" / "main" / "java"
API = REPOSITORY / "tests" / "mobile" / "android_api"
PREBUILT = REPOSITORY / "mobile" / "prebuilt" / "small"
ANDROID, TOOLS = "{http://schemas.android.com/apk/res/android}", "{http://schemas.android.com/tools}"
FLAVOURS = ("litert", "litertlm")
KOTLIN = "kotlin-jupyter-kernel==0.19.0.944"  # a wheel that holds JetBrains' compiler and the coroutines library


def kotlin_files() -> list[Path]:
    return sorted(path for path in PROJECT.rglob("*.kt") if "build" not in path.relative_to(PROJECT).parts)


def scenarios(flavour: str) -> list[str]:
    return re.findall(r'^    "(\w+)" to ::', (API / flavour / "Scenarios.kt").read_text(encoding="utf-8"), re.M)


def build_file(module: str) -> str:
    """A build file without its comments."""
    return re.sub(r"//[^\n]*", "", (PROJECT / module / "build.gradle.kts").read_text(encoding="utf-8"))


def test_the_app_has_no_permission_and_takes_the_network_out_of_its_libraries() -> None:
    root = ElementTree.parse(PROJECT / "app/src/main/AndroidManifest.xml").getroot()
    wanted = {entry.get(f"{ANDROID}name"): entry.get(f"{TOOLS}node") for entry in root.iter("uses-permission")}
    assert wanted.pop("android.permission.INTERNET") == "remove"
    assert set(wanted.values()) <= {"remove"}
    library = ElementTree.parse(PROJECT / "assistant/src/main/AndroidManifest.xml").getroot()
    assert not list(library.iter("uses-permission"))


def test_the_manifest_names_what_is_there() -> None:
    root = ElementTree.parse(PROJECT / "app/src/main/AndroidManifest.xml").getroot()
    namespace = re.search(r'namespace = "([\w.]+)"', build_file("app"))
    assert namespace
    for activity in root.iter("activity"):
        name = f"{namespace[1]}{activity.get(f'{ANDROID}name')}"
        source = PROJECT / "app/src/main/kotlin" / f"{name.replace('.', '/')}.kt"
        assert f"class {name.rpartition('.')[2]} " in source.read_text(encoding="utf-8")
    used = set(re.findall(r"@(string|style)/([\w.]+)", ElementTree.tostring(root, encoding="unicode")))
    assert used
    assert used <= resources()


def test_every_string_is_used_and_every_used_one_is_there() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in kotlin_files())
    used = {("string", name) for name in re.findall(r"R\.string\.(\w+)", code)} | {("string", "app_name")}
    assert used == {entry for entry in resources() if entry[0] == "string"}


def test_every_resource_is_xml_and_the_night_has_the_same_styles() -> None:
    paths = sorted(PROJECT.rglob("src/**/*.xml"))
    assert len(paths) >= 5
    for path in paths:
        ElementTree.parse(path)
    day, night = (styles(PROJECT / f"app/src/main/res/{folder}/themes.xml") for folder in ("values", "values-night"))
    assert day == night


@pytest.mark.parametrize("module", ["app", "assistant"])
def test_both_flavours_are_built_for_android_8_and_java_17(module: str) -> None:
    text = build_file(module)
    assert set(re.findall(r'create\("(\w+)"\)', text)) == set(FLAVOURS)
    assert re.search(r"minSdk = 26\b", text)
    assert text.count("JavaVersion.VERSION_17") == 2
    assert "kotlin { compilerOptions { jvmTarget = JvmTarget.JVM_17 } }" in text
    assert "import org.jetbrains.kotlin.gradle.dsl.JvmTarget\n" in text
    assert "kotlinOptions" not in text, "an error from Kotlin 2.3 on"


@pytest.mark.parametrize("module", ["app", "assistant"])
def test_models_are_not_compressed(module: str) -> None:
    """In the app's APK, and in that of the library's own tests."""
    packed = re.search(r"noCompress \+= listOf\(([^)]*)\)", build_file(module))
    assert packed
    suffixes = {Path(name).suffix[1:] for name in bundle()["files"]} | {"json"}
    assert suffixes <= set(re.findall(r'"(\w+)"', packed[1])), "a compressed asset cannot be mapped"


def test_only_64_bit_libraries_are_packed() -> None:
    filters = re.search(r"abiFilters \+= setOf\(([^)]*)\)", build_file("app"))
    assert filters
    assert set(re.findall(r'"([\w-]+)"', filters[1])) == {"arm64-v8a", "x86_64"}


def test_the_shared_sources_and_the_exported_folder_are_where_the_build_looks() -> None:
    source = re.search(r'java\.srcDir\("([^"]+)"\)', build_file("assistant"))
    assert source
    assert (PROJECT / "assistant" / source[1]).resolve() == CORE
    setting = re.search(r"^tandem\.mobile=(.+)$", (PROJECT / "gradle.properties").read_text(encoding="utf-8"), re.M)
    assert setting
    assert (PROJECT / setting[1] / "bundle.json").is_file()
    assert "tandem.mobile" in build_file("assistant")


def test_every_version_is_fixed_and_every_entry_of_the_catalogue_is_used() -> None:
    catalogue = tomllib.loads((PROJECT / "gradle/libs.versions.toml").read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"[\d.]+", version) for version in catalogue["versions"].values()), "no + and no latest"
    entries = [*catalogue["libraries"].items(), *catalogue["plugins"].items()]
    named = {entry["version"]["ref"] for _, entry in entries if "version" in entry}
    assert named == set(catalogue["versions"])
    used = set(re.findall(r"libs\.([\w.]+)", "".join(build_file(module) for module in (".", "app", "assistant"))))
    libraries = {name.replace("-", ".") for name in catalogue["libraries"]}
    plugins = {f"plugins.{name.replace('-', '.')}" for name in catalogue["plugins"]}
    assert used == libraries | plugins


def test_the_versions_fit_together() -> None:
    """litertlm-android 0.17 and 0.18 carry metadata of Kotlin 2.4 (LiteRT-LM's pull request 3509).

    A compiler reads metadata of one version further than its own, so 2.3 is the least. Android's table of Kotlin
    versions asks for AGP 8.13.2 with it, and the release notes of AGP 8.13 for Gradle 8.13.
    """
    versions = tomllib.loads((PROJECT / "gradle/libs.versions.toml").read_text(encoding="utf-8"))["versions"]
    numbers = {name: tuple(map(int, version.split("."))) for name, version in versions.items()}
    assert numbers["litertlm"] < (0, 19), "look up the Kotlin version of the new library"
    assert numbers["kotlin"] >= (2, 3), "cannot read the metadata of litertlm-android"
    assert (8, 13, 2) <= numbers["agp"] < (9,), "its R8 does not know Kotlin 2.3"
    assert "Gradle 8.13 or newer" in (PROJECT / "README.md").read_text(encoding="utf-8")


def test_the_screen_draws_to_the_edges_and_speaks_its_answer() -> None:
    screen = PROJECT / "app/src/main/kotlin/dev/tandem/app"
    assert "enableEdgeToEdge()" in (screen / "MainActivity.kt").read_text(encoding="utf-8")
    assert "liveRegion = LiveRegionMode.Polite" in (screen / "AssistantScreen.kt").read_text(encoding="utf-8")


def test_the_readme_says_which_versions_and_what_was_not_run() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    versions = tomllib.loads((PROJECT / "gradle/libs.versions.toml").read_text(encoding="utf-8"))["versions"]
    for name in ("agp", "kotlin", "litert", "litertlm"):
        assert versions[name] in text, f"README.md does not name {name} {versions[name]}"
    assert "## What ran, and what did not" in text


@pytest.mark.parametrize("path", kotlin_files(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_file_lies_in_the_folder_of_its_package_and_uses_its_imports(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    package = re.match(r"package ([\w.]+)\n", text)
    assert package
    assert path.parent.as_posix().endswith(f"/kotlin/{package[1].replace('.', '/')}")
    imports = re.findall(r"^import ([\w.]+)$", text, re.M)
    assert imports == sorted(imports)
    code = re.sub(r"^import .*$", "", text, flags=re.M)
    operators = {"getValue", "setValue"}  # used by the word `by`
    unused = [
        name
        for name in imports
        if name.rpartition(".")[2] not in operators and not re.search(rf"\b{name.rpartition('.')[2]}\b", code)
    ]
    assert not unused


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_sources_of_a_flavour_compile(flavour: str, flavours: Callable[[str], Path]) -> None:
    assert (flavours(flavour) / "dev/tandem/assistant/OpenAssistantKt.class").is_file()


@pytest.mark.parametrize(
    ("flavour", "scenario"), [(flavour, name) for flavour in FLAVOURS for name in scenarios(flavour)]
)
def test_a_scenario_on_stand_ins_of_the_runtime(
    flavour: str, scenario: str, flavours: Callable[[str], Path], compiled_core: Path, tmp_path: Path
) -> None:
    """openAssistant and suggest as they stand; what they call of Android and the runtime is made up."""
    class_path = ":".join(map(str, [flavours(flavour), compiled_core, *kotlin_jars()]))
    command = ["java", "-cp", class_path, "dev.tandem.assistant.ScenariosKt", scenario, PREBUILT, tmp_path]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def flavours(compiled_core: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The classes of a flavour, compiled once."""
    return functools.cache(lambda flavour: compiled(flavour, compiled_core, tmp_path_factory.mktemp(flavour)))


def compiled(flavour: str, core: Path, folder: Path) -> Path:
    """App, library, device test and scenarios of a flavour, against the declarations of this folder."""
    jars = kotlin_jars()
    resource_class = folder / "R.kt"
    names = [
        f"const val {name} = {number}" for number, (kind, name) in enumerate(sorted(resources())) if kind == "string"
    ]
    resource_class.write_text("package dev.tandem.app\nobject R { object string {\n" + "\n".join(names) + "\n} }\n")
    sources = [path for path in kotlin_files() if not {"litert", "litertlm"} - {flavour} & set(path.parts)]
    assert len(sources) > 8
    sources += [resource_class, *sorted(API.glob("*.kt")), API / flavour / "Scenarios.kt"]
    options = ["-no-stdlib", "-no-reflect", "-Werror", "-jvm-target", "17", "-d", str(folder / "classes")]
    options += ["-cp", ":".join(map(str, [*jars, core]))]
    compiler = [
        "java",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        ":".join(map(str, jars)),
        "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler",
    ]
    done = subprocess.run([*compiler, *options, *sources], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "classes"


@pytest.fixture(scope="module")
def compiled_core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kotlin_jars()
    folder = tmp_path_factory.mktemp("core")
    sources = sorted(map(str, CORE.rglob("*.java")))
    subprocess.run(["javac", "--release", "17", "-d", str(folder), *sources], check=True)
    return folder


def kotlin_jars() -> list[Path]:
    """The compiler's jars; skips by name where there is no compiler."""
    if shutil.which("javac") is None:
        pytest.skip("no JDK on this machine: javac is not on PATH (Debian: apt-get install openjdk-17-jdk-headless)")
    spec = importlib.util.find_spec("run_kotlin_kernel")
    if spec is None or spec.origin is None:
        pytest.skip(f"no Kotlin compiler on this machine: pip install --no-deps {KOTLIN}")
    return sorted((Path(spec.origin).parent / "jars").glob("*.jar"))


def resources() -> set[tuple[str, str]]:
    """(kind, name) of everything in res/values."""
    files = (PROJECT / "app/src/main/res/values").glob("*.xml")
    return {(entry.tag, entry.get("name", "")) for path in files for entry in ElementTree.parse(path).getroot()}


def styles(path: Path) -> set[str | None]:
    return {entry.get("name") for entry in ElementTree.parse(path).getroot()}


def bundle() -> dict[str, dict[str, object]]:
    contents: dict[str, dict[str, object]] = json.loads((PREBUILT / "bundle.json").read_text())
    return contents
