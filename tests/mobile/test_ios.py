"""The Swift package as far as it can be checked without a Swift compiler: by a parser, and against the other languages.

Its own tests (mobile/ios/Tests) compare it with the vectors of mobile/contract, on a Mac: `swift test`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mobile.runtime import call_check, names, schema_keywords
from mobile.runtime.action import REASONS
from mobile.runtime.bundle import FORMAT_VERSION

IOS = Path(__file__).parents[2] / "mobile" / "ios"
PREBUILT = IOS.parent / "prebuilt" / "small"
FILES = sorted(IOS.rglob("*.swift"))


def source(name: str) -> str:
    return next(path for path in FILES if path.name == name).read_text(encoding="utf-8")


def faults(code: bytes) -> list[tuple[int, str]]:
    """Line and text of everything that the parser could not read."""
    tree_sitter = pytest.importorskip("tree_sitter", reason="the Swift parser: pip install -e '.[dev]'")
    swift = pytest.importorskip("tree_sitter_swift", reason="the Swift parser: pip install -e '.[dev]'")
    tree = tree_sitter.Parser(tree_sitter.Language(swift.language())).parse(code)
    bad = (node for node in walk(tree.root_node) if node.type == "ERROR" or node.is_missing)
    return [(node.start_point[0] + 1, code[node.start_byte : node.end_byte][:60].decode()) for node in bad]


def walk(node: Any) -> Iterator[Any]:
    yield node
    for child in node.children:
        yield from walk(child)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.name))
def test_every_file_parses(path: Path) -> None:
    assert faults(path.read_bytes()) == []


@pytest.mark.parametrize("slip", [("{", ""), (") async", " async"), ("guard ", "guard let ")])
def test_the_parser_finds_slips(slip: tuple[str, str]) -> None:
    code = source("Assistant.swift")
    assert slip[0] in code
    assert faults(code.replace(*slip, 1).encode())


def test_the_package_names_its_folders() -> None:
    manifest = source("Package.swift")
    for target in re.findall(r'\.target\(\s*name: "(\w+)"', manifest):
        assert list((IOS / "Sources" / target).glob("*.swift")), target
    for target in re.findall(r'\.testTarget\(\s*name: "(\w+)"', manifest):
        assert list((IOS / "Tests" / target).glob("*.swift")), target


def test_nothing_but_foundation_is_needed_and_nothing_talks_to_a_network() -> None:
    allowed = {"Tandem": {"Foundation", "CryptoKit"}, "TandemLiteRTLM": {"Foundation", "LiteRTLM", "Tandem"}}
    for target, modules in allowed.items():
        for path in (IOS / "Sources" / target).glob("*.swift"):
            code = path.read_text(encoding="utf-8")
            assert set(re.findall(r"^\s*import (\w+)", code, flags=re.MULTILINE)) <= modules, path.name
            assert not re.search(r"URLSession|URLRequest|NWConnection|https?://", code), path.name


def test_fields_of_the_bundle() -> None:
    """Every key that is read exists in a real bundle.json; the version is the one that Python writes."""
    bundle = json.loads((PREBUILT / "bundle.json").read_text())
    parts = [bundle, bundle["golden"], bundle["golden"]["messages"][0], bundle["variants"]["int8"]]
    known = set().union(*parts, *bundle["files"].values())
    read = set(re.findall(r'\["(\w+)"\]', source("StudentBundle.swift")))
    assert read <= known
    assert {"window", "vocab_size", "stop_ids", "golden", "files", "first_ids", "sha256", "bytes"} <= read
    assert f"formatVersion = {FORMAT_VERSION}\n" in source("StudentBundle.swift")
    assert f'firstIds["{next(iter(bundle["golden"]["first_ids"]))}"]' in source("Assistant.swift")


def test_codes_and_limits_are_those_of_python() -> None:
    codes = set(REASONS) - {"cut_off"}  # LiteRT-LM decodes freely: what it cuts off is no call
    assert set(re.findall(r'case \w+ = "(\w+)"', source("CallCheck.swift"))) == codes
    assert f"longest = {call_check.LONGEST:_} " in source("CallCheck.swift")
    assert f"{call_check.EXACT + 1:_} " in source("JSONValue.swift")
    limits = {"sure": names.ACCEPT, "similar": names.SUGGEST, "mostSuggestions": names.SUGGESTIONS}
    for name, value in limits.items():
        assert re.search(rf"static let {name} = {value}\n", source("Names.swift")), name


def test_special_tokens_are_looked_for_by_bytes() -> None:
    """Swift's String.contains compares Characters: it misses <|im_end|> with an accent or a joiner behind it."""
    check = source("Assistant.swift").split("private func check")[1]
    assert "text.contains($0)" not in check
    assert "special.utf8" in check
    assert {"\\u{301}", "\\u{200D}"} <= set(re.findall(r"<\|im_end\|>(\\u{\w+})", source("AssistantTests.swift")))


def test_a_conversation_begins_when_the_last_one_is_gone() -> None:
    """An engine holds one session, which deinit frees: neither may overlap, and the stream ends after the release."""
    code = source("LiteRTLMModel.swift")
    assert "public actor LiteRTLMModel" in code
    order = ["await earlier?.value", "createConversation", "conversation.cancel()", "held != nil", "pieces.finish("]
    places = [code.index(step) for step in order]
    assert places == sorted(places)
    assert "onTermination" not in code, "a cancelled conversation is read to its end"


def test_schema_keywords_are_those_of_python() -> None:
    code = source("SchemaKeywords.swift")
    annotations = code.split("static let annotations")[1].split("]\n")[0]
    assert set(re.findall(r'"([$\w]+)"', annotations)) == schema_keywords.ANNOTATIONS - {"type"}
    table = code.split("static let keywords")[1].split("  ]\n")[0]
    lists = {kind: set(re.findall(r"\w+", words)) for kind, words in re.findall(r'"(\w+)": \[([^\]]*)\]', table)}
    assert lists == schema_keywords.KEYWORDS
