"""Each rule about a .litertlm file on a good one, where it is silent, and on one that is broken in one place."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mobile.check import chat_template, sections, special_tokens
from mobile.check.finding import Rule, Severity, apply_rules
from mobile.check.linter import BUNDLE_RULES, FILE_RULES, check
from mobile.check.litertlm_file import LitertlmFile, read_litertlm
from mobile.check.tflite_model import DamagedFileError, TfliteModel, read_tflite
from tests.mobile.check.conftest import BuildBundle
from tests.mobile.check.editing import edited, renamed

pytest.importorskip("litert_lm_builder", reason="extra mobile: litert-lm-builder")

Change = Callable[[Any], object]
HEADER = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' "
END = " + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"


def template(text: str) -> Change:
    return lambda metadata: setattr(metadata, "jinja_prompt_template", text)


def stop_text(text: str) -> Change:
    def change(metadata: Any) -> None:
        metadata.ClearField("stop_tokens")
        metadata.stop_tokens.add().token_str = text

    return change


def start_ids(*ids: int) -> Change:
    return lambda metadata: (
        metadata.start_token.token_ids.ids.extend(ids) or metadata.start_token.token_ids.SetInParent()
    )


def sampler(kind: int) -> Change:
    return lambda metadata: setattr(metadata.sampler_params, "type", kind)


# rule, what its message must say, change of the metadata
BROKEN: list[tuple[str, str, Change]] = [
    ("required-fields", "supports_thinking not set", lambda metadata: metadata.ClearField("supports_thinking")),
    ("required-fields", "supports_function_calling", lambda m: m.ClearField("supports_function_calling")),
    ("sampler", "TOP_K", sampler(1)),
    ("sampler", "GREEDY", sampler(3)),
    ("stop-tokens", "no stop token:", lambda metadata: metadata.ClearField("stop_tokens")),
    ("stop-tokens", "only ['']", stop_text("")),
    ("stop-token-split", "'the end' is no token", stop_text("the end")),
    ("start-token", "[0] goes before every prompt", start_ids(0)),
    ("start-token", "empty or unknown", start_ids()),
    ("template-parts", "can only concatenate", template(HEADER + "+ m['content']" + END)),
    ("template-parts", "gives another text", template(HEADER + "+ m['content'] | string" + END)),
    ("template-parts", "fails on content as a list", template("{{ raise_exception('no') }}")),
    ("template-parts", "fails on content as a list", template("{% for m in messages %}{{ m.content }}")),
    ("template-prompt", "words are not in the prompt", template("{{ messages[0]['role'] }}")),
    ("template-prompt", "add_generation_prompt", template("turn on the lamp")),
    ("template-missing", "no chat template", lambda metadata: metadata.ClearField("jinja_prompt_template")),
    ("vocabulary", "token id 300 is outside", lambda metadata: metadata.pad_token.token_ids.ids.append(300)),
]  # fmt: skip

# rule, what its message must say, arguments of the builder
LACKING: list[tuple[str, str, dict[str, Any]]] = [
    ("sections", "no model of type PREFILL_DECODE", {"model": None}),
    ("sections", "no LlmMetadata", {"metadata": False}),
    ("sections", "no tokenizer", {"tokenizer": None}),
    ("unreadable-section", "tokenizer", {"tokenizer": "{}"}),
    ("reproducible", "the uuid is random", {"reproducible": False}),
    ("reproducible", "creation time", {"reproducible": False}),
]


def lint(path: Path) -> list[Any]:
    """The rules without the runtime's own load, which test_check_tflite.py is about."""
    data = path.read_bytes()
    file = read_litertlm(data)
    findings = apply_rules(FILE_RULES, file)
    section = file.first("TFLiteModel", "tf_lite_prefill_decode")
    if section is not None:
        subject: tuple[LitertlmFile, TfliteModel] = (file, read_tflite(data[section.begin : section.end]))
        findings += apply_rules(BUNDLE_RULES, subject)
    return findings


def message_of(path: Path, rule: str) -> str:
    return " / ".join(finding.message for finding in lint(path) if finding.rule == rule)


def test_good_bundle_has_no_finding(build: BuildBundle) -> None:
    assert check(build()) == []


@pytest.mark.parametrize(("rule", "message", "change"), BROKEN, ids=[f"{b[0]}-{i}" for i, b in enumerate(BROKEN)])
def test_broken_metadata(rule: str, message: str, change: Change, build: BuildBundle) -> None:
    assert message in message_of(build(change), rule)


@pytest.mark.parametrize(("rule", "message", "parts"), LACKING, ids=[b[1] for b in LACKING])
def test_broken_parts(rule: str, message: str, parts: dict[str, Any], build: BuildBundle) -> None:
    path = build(**parts)
    found = [f"{finding.where} {finding.message}" for finding in lint(path) if finding.rule == rule]
    assert any(message in text for text in found), found


def test_every_rule_has_a_broken_file() -> None:
    known: set[str] = {rule.id for rule in (*FILE_RULES, *BUNDLE_RULES)}
    elsewhere = {"header-version", "start-token-missing", "embedder"}  # below
    assert known == {broken[0] for broken in (*BROKEN, *LACKING)} | elsewhere


def test_model_inside_is_checked_too(build: BuildBundle, models: dict[str, bytes]) -> None:
    findings = check(build(model=edited(models["fp32"], renamed("logits", "scores", ("decode",)))))
    assert [(f.rule, f.severity) for f in findings] == [("tensor-names", Severity.ERROR)]


def test_embeddings_need_an_embedder(build: BuildBundle, models: dict[str, bytes]) -> None:
    path = build(model=edited(models["fp32"], renamed("tokens", "embeddings")))
    assert "EMBEDDER" in message_of(path, "embedder")


def test_tokenizer_of_another_model(build: BuildBundle, tokenizer_json: str) -> None:
    state = json.loads(tokenizer_json)
    state["added_tokens"].append(state["added_tokens"][0] | {"id": 300, "content": "<extra>"})
    assert "301 tokens, the model 300" in message_of(build(tokenizer=json.dumps(state)), "vocabulary")


def test_start_token_follows_tokenizer_and_template(build: BuildBundle, tokenizer_json: str) -> None:
    """Right where the tokenizer prepends it, or where the template begins with it."""
    state = json.loads(tokenizer_json)
    sequence = [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    special = {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}}
    state["post_processor"] = {
        "type": "TemplateProcessing", "single": sequence, "pair": [*sequence, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": special,
    }  # fmt: skip
    prepending = json.dumps(state)
    assert not message_of(build(start_ids(0), tokenizer=prepending), "start-token")
    assert "[0]" in message_of(build(tokenizer=prepending), "start-token-missing")
    assert not message_of(build(), "start-token-missing")

    def begins_with_start(metadata: Any) -> None:
        start_ids(0)(metadata)
        metadata.jinja_prompt_template = "{{ bos_token }}" + metadata.jinja_prompt_template

    assert not message_of(build(begins_with_start), "start-token")


def test_templates_that_pass(build: BuildBundle) -> None:
    """A template for parts alone, one that refuses system messages, a known family without one."""
    parts = HEADER + "+ m['content'][0]['text']" + END
    refuses = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}"

    def prefixed(metadata: Any) -> None:
        metadata.jinja_prompt_template = refuses + metadata.jinja_prompt_template

    def gemma(metadata: Any) -> None:
        metadata.ClearField("jinja_prompt_template")
        metadata.llm_model_type.gemma3.SetInParent()

    for change in (template(parts), prefixed, gemma):
        assert not [finding for finding in lint(build(change)) if finding.rule.startswith("template")]


def test_template_cannot_reach_out(build: BuildBundle) -> None:
    path = build(template("{{ messages.__class__.__mro__[1].__subclasses__() }}"))
    assert "unsafe" in message_of(path, "template-parts")


def test_damaged_bundles(build: BuildBundle, tmp_path: Path) -> None:
    data = build().read_bytes()
    broken = tmp_path / "broken.litertlm"
    for cut in (10, 40, 20_000, len(data) - 100):
        broken.write_bytes(data[:cut])
        assert [finding.rule for finding in check(broken)] == ["damaged"], cut
    broken.write_bytes(data[:8] + b"\x09" + data[9:])
    assert "header-version" in [finding.rule for finding in lint(broken)]


def test_flipped_header_bits_never_crash(build: BuildBundle) -> None:
    data = build(tokenizer=None).read_bytes()
    chance = random.Random(5)
    for _ in range(40):
        flipped = bytearray(data)
        flipped[chance.randrange(600)] ^= 1 << chance.randrange(8)
        try:
            apply_rules(FILE_RULES, read_litertlm(bytes(flipped)))
        except DamagedFileError:
            continue


def test_rule_lists_hold_rules() -> None:
    for module in (sections, special_tokens, chat_template):
        assert all(isinstance(rule, Rule) for rule in module.RULES)
