"""Config files: every problem at once, with its origin; extends, overrides, numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from train.config import Config, load_config
from train.config.__main__ import SCHEMA, json_schema
from train.config.load import dump_config, read_checked
from train.errors import UserError

# gates.yaml is what a run is judged by, not a run's config: tests/eval/test_gates.py reads it.
CONFIGS = [path for path in sorted((Path(__file__).parents[2] / "configs").glob("*.yaml")) if path.stem != "gates"]


def write(folder: Path, text: str, name: str = "c.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_shipped_configs_are_valid_and_name_the_schema(path: Path) -> None:
    assert load_config(path).config.name == path.stem
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json")


def test_schema_file_is_current() -> None:
    assert json.loads(SCHEMA.read_text()) == json_schema()


def test_all_problems_are_listed_with_value_and_origin(tmp_path: Path) -> None:
    path = write(tmp_path, "name: x\nfinetune:\n  learning_rat: 1e-4\n  epochs: many\n")
    with pytest.raises(UserError) as caught:
        load_config(path, ["distill.alpha=2"])
    message = str(caught.value)
    assert "3 problems" in message
    assert f"finetune.learning_rat: unknown key ({path}:3); did you mean 'learning_rate'?" in message
    assert f"finetune.epochs: 'many' ({path}:4)" in message
    assert "distill.alpha: 2 (override 'distill.alpha=2'); expected: input should be less than or equal to 1" in message


def test_extends_is_overridden_key_by_key_and_mappings_are_replaced(tmp_path: Path) -> None:
    write(tmp_path, "name: base\nfinetune: {epochs: 3, batch_size: 16}\neval: {sets: {t3: 5}}\n", "base.yaml")
    path = write(tmp_path, "extends: base.yaml\nname: top\nfinetune: {epochs: 1e-1}\neval: {sets: {mine: 7}}\n")
    loaded = load_config(path, ["finetune.micro_batch_size=2"])
    assert (loaded.config.finetune.epochs, loaded.config.finetune.batch_size) == (0.1, 16)
    assert loaded.config.finetune.micro_batch_size == 2
    assert loaded.config.eval.sets == {"mine": 7}
    assert loaded.origin("finetune.epochs") == f"{path}:3"
    assert loaded.origin("finetune.batch_size") == f"{tmp_path / 'base.yaml'}:2"
    assert loaded.origin("finetune.clip_norm") == "default"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a\nname: b\n", "not valid YAML"),
        ("name: [a\n", "not valid YAML"),
        ("- a\n", "not a config"),
        ("extends: c.yaml\nname: a\n", "extends itself"),
        ("extends: gone.yaml\nname: a\n", "No config file at"),
        ("seed: 1\n", "name: missing"),
        ("name: a/b\n", "pattern"),
        ("name: 2026-13-45\n", "can't be read: month must be in 1..12"),
        ("name: " + "[" * 5000 + "\n", "can't be read: maximum recursion depth"),
        ('extends: "a\\0b.yaml"\nname: a\n', "must be the name of a YAML file"),
        ("name: a\nfinetune: {batch_size: 6, micro_batch_size: 4}\n", "not a multiple of"),
        ("name: a\nfinetune: {initial: 'run:a'}\n", r"finetune\.initial is .run:a., which is this run itself"),
        ("name: a\nfinetune: {teacher: 'run:a'}\n", "start from its own result"),
        ("name: a\ndistill: {control: true, alpha: 0}\n", r"distill\.control.*Set distill\.control to false"),
        (
            "name: a\nmodel: {prune: {intermediate_size: 8}}\nfinetune: {adapter: {type: qlora}}\n",
            "four bits: use lora",
        ),
        ("name: a\nfinetune: {sequence_length: 64}\n", "shorter than data.max_length"),
        ("name: a\nmodel: {source: random}\n", "model.shape"),
        (
            "name: a\nmodel: {source: random, prune: {layers: [0], intermediate_size: 8}, shape: {hidden_size: 8, "
            "intermediate_size: 8, num_hidden_layers: 1, num_attention_heads: 1, num_key_value_heads: 1}}\n",
            "model.prune keeps a part of a trained base",
        ),
        ("name: a\nmodel: {prune: {layers: [0, 3, 3]}}\n", r"model\.prune\.layers: .* layer 3 is named 2 times"),
        ("name: a\nstudent: {hidden_size: 30}\n", "multiple of num_attention_heads"),
        ("name: a\nstudent: {backend: pytorch}\n", "'torch', as Keras calls it"),
        ("name: a\ndistill: {buckets: []}\n", r"distill\.buckets: \[\] \(.*c\.yaml:2\); expected: .*at least 1 item"),
        ("name: a\nexport: {prefill: []}\n", r"export\.prefill: \[\] \(.*c\.yaml:2\); expected: .*at least 1 item"),
        ("name: a\nexport: {variants: []}\n", r"export\.variants: \[\] \(.*c\.yaml:2\); expected: .*at least 1 item"),
        ("name: a\ntrack: {project: team/tandem}\n", r"track\.project: 'team/tandem' \(.*c\.yaml:2\)"),
        ("name: a\ntrack: {project: ''}\n", r"track\.project: '' \(.*c\.yaml:2\)"),
        ("name: a\ntrack: {tags: [fine, '']}\n", r"track\.tags\.1: '' \(.*c\.yaml:2\)"),
        (f"name: a\ntrack: {{tags: [{'x' * 65}]}}\n", r"track\.tags\.0: 'x+' \(.*c\.yaml:2\)"),
    ],
)
def test_bad_configs_are_one_clear_message(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UserError, match="(?s).*" + expected.replace("'", ".")):
        load_config(write(tmp_path, text))


def test_values_that_do_not_agree_are_all_named_with_their_origins(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\nfinetune:\n  batch_size: 6\n  sequence_length: 64\nexport: {window: 32}\n")
    with pytest.raises(UserError) as caught:
        load_config(path, ["export.verify=48"])
    head, *lines = str(caught.value).splitlines()
    assert head == f"4 problems in the config {path}:"
    assert [line.strip() for line in lines] == [
        f"finetune.batch_size 6 is not a multiple of finetune.micro_batch_size 8 (finetune.batch_size: {path}:3; "
        "finetune.micro_batch_size: default).",
        "finetune.sequence_length 64 is shorter than data.max_length 128: a row would not fit into a pack "
        f"(finetune.sequence_length: {path}:4; data.max_length: default).",
        f"export.window 32 is shorter than the prompt bucket 64 (export.window: {path}:5; export.prefill: default).",
        f"export.window 32 is shorter than export.verify 48 (export.window: {path}:5; "
        "export.verify: override 'export.verify=48').",
    ]


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan"])
@pytest.mark.parametrize(
    "key",
    ["finetune.clip_norm", "finetune.max_minutes", "distill.alpha", "distill.early_stopping.min_delta",
     "student.rope_theta", "eval.limit_s", "export.min_agreement.int8"],
)  # fmt: skip
def test_numbers_that_are_none_are_refused(tmp_path: Path, key: str, number: str) -> None:
    with pytest.raises(UserError) as caught:
        load_config(write(tmp_path, "name: a\n"), [f"{key}={number}"])
    value = number.replace(".", "")
    assert f"{key}: {value} (override '{key}={number}'); expected: input should be a finite number." in str(
        caught.value
    )


def test_every_number_with_a_fraction_is_finite() -> None:
    """Of any section: a model of another base class would let .inf through."""

    def sections(model: type[BaseModel]) -> set[type[BaseModel]]:
        hints = [field.annotation for field in model.model_fields.values()]
        found = {part for hint in hints for part in (hint, *get_args(hint)) if isinstance(part, type)}
        below = {part for part in found if issubclass(part, BaseModel)}
        return {model}.union(*(sections(part) for part in below))

    assert len(sections(Config)) >= 12
    assert [model.__name__ for model in sections(Config) if model.model_config.get("allow_inf_nan") is not False] == []


def test_merge_keys_bring_values_and_the_lines_where_they_stand(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """name: a
model:
  source: random
  shape: &shape
    hidden_size: 32
    num_hidden_layers: 2
student:
  <<: *shape
  num_hidden_layers: 3
  backend: jax
""",
    )
    loaded = load_config(path)
    student = loaded.config.student
    assert (student.hidden_size, student.num_hidden_layers, student.backend) == (32, 3, "jax")
    assert loaded.config.model_dump()["model"]["shape"]["num_hidden_layers"] == 2
    lines = {key: loaded.origin(f"student.{key}") for key in ("hidden_size", "num_hidden_layers", "backend")}
    assert lines == {"hidden_size": f"{path}:5", "num_hidden_layers": f"{path}:9", "backend": f"{path}:10"}


def test_of_several_merged_mappings_the_first_goes_first(tmp_path: Path) -> None:
    """As https://yaml.org/type/merge.html has it; merged mappings may merge others in turn."""
    path = write(
        tmp_path,
        """name: a
finetune: &one
  epochs: 2
distill: &two
  <<: *one
  warmup_steps: 7
  eval_every: 8
student: {<<: [*two, {eval_every: 9, num_hidden_layers: x}]}
""",
    )
    with pytest.raises(UserError) as caught:
        load_config(path)
    for problem in (
        f"student.epochs: unknown key ({path}:3)",
        f"student.warmup_steps: unknown key ({path}:6)",
        f"student.eval_every: unknown key ({path}:7)",
        f"student.num_hidden_layers: 'x' ({path}:8)",
    ):
        assert problem in str(caught.value)


def test_other_files_may_merge_too(tmp_path: Path) -> None:
    class Part(BaseModel):
        size: int
        name: str

    class Parts(BaseModel):
        parts: list[Part]

    path = write(tmp_path, "parts:\n- &first\n  size: 1\n  name: a\n- <<: *first\n  name: b\n")
    assert [(part.size, part.name) for part in read_checked(path, Parts, "parts file").parts] == [(1, "a"), (1, "b")]
    path.write_text(path.read_text().replace("size: 1", "size: one"))
    with pytest.raises(UserError, match=rf"parts\.1\.size: 'one' \({path}:3\)"):
        read_checked(path, Parts, "parts file")


@pytest.mark.parametrize("name", ["train", "val", "Val", "a/b", "../a", "..", ".hidden", "''", "a\\b"])
def test_a_test_set_takes_no_other_file(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, f"name: a\ndata:\n  source: rows.jsonl\n  tests: {{fine: a.jsonl, {name}: b.jsonl}}\n")
    with pytest.raises(UserError) as caught:
        load_config(path)
    bare = name.strip("'")
    assert f"data.tests.{bare}: {bare!r} ({path}:4); expected: a plain file name" in str(caught.value)
    assert "1 problem in" in str(caught.value)


def test_smart_home_takes_no_other_validation_and_test_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\ndata:\n  validation: v.jsonl\n  tests: {mine: t.jsonl}\n")
    with pytest.raises(UserError) as caught:
        load_config(path)
    assert f"data.validation: 'v.jsonl' ({path}:3); expected: only together with rows of your own" in str(caught.value)
    assert f"data.tests ({path}:4): only together with rows of your own" in str(caught.value)
    own = load_config(path, ["data.source=rows.jsonl"]).config.data
    mixed = load_config(path, ["data.mixture=[{source: rows.jsonl}]"]).config.data
    assert own.tests == mixed.tests == {"mine": "t.jsonl"}


def test_a_misspelt_file_name_is_recognised(tmp_path: Path) -> None:
    write(tmp_path, "name: a\n", "demo.yaml")
    with pytest.raises(UserError, match=r"Did you mean .*demo\.yaml"):
        load_config(tmp_path / "dmo.yaml")


def test_members_of_a_mapping_come_from_where_it_does(tmp_path: Path) -> None:
    text = "name: a\ndata: {source: r.jsonl, tests: {t: t.jsonl}}\neval:\n  sets: {t: 5, none: 4}\n  headline: t\n"
    loaded = load_config(write(tmp_path, text), ["eval.sets.t=3", "finetune={epochs: 2}"])
    keys = ("data.tests.t", "eval.sets.none", "eval.sets.t", "finetune.epochs", "finetune.rows", "eval.few_shot")
    line_2, line_4 = f"{tmp_path / 'c.yaml'}:2", f"{tmp_path / 'c.yaml'}:4"
    override = "override 'finetune={epochs: 2}'"
    expected = [line_2, line_4, "override 'eval.sets.t=3'", override, "default", "default"]
    assert [loaded.origin(key) for key in keys] == expected


def test_a_section_given_whole_leaves_no_line_of_the_one_before(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\nfinetune:\n  epochs: 3\n")
    loaded = load_config(path, ["finetune={batch_size: 8}"])
    assert (loaded.config.finetune.epochs, loaded.origin("finetune.epochs")) == (1.0, "default")


@pytest.mark.parametrize("name", ["2026-11-27", "123", "1e3", "true"])
def test_a_name_that_yaml_takes_for_something_else(tmp_path: Path, name: str) -> None:
    assert load_config(write(tmp_path, "name: a\n"), [f"name={name}"]).config.name == name
    with pytest.raises(UserError, match=r"name: .*c\.yaml:1\); expected: text\. Put the value in quotes\."):
        load_config(write(tmp_path, f"name: {name}\n"))
    assert load_config(write(tmp_path, "name: a\neval: {text: t.txt}\n"), ["eval.text=null"]).config.eval.text is None


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("foo.bar=1", "foo: unknown key (override 'foo.bar=1'); known keys"),
        ("finetune.foo.bar=1", "finetune.foo: unknown key (override 'finetune.foo.bar=1')"),
        (
            "finetune=2",
            "finetune: 2 (override 'finetune=2'); expected: a section with the keys teacher, initial,",
        ),
        ("eval.sets=3", "eval.sets: 3 (override 'eval.sets=3'); expected: a mapping, {key: value}."),
    ],
)
def test_an_override_of_the_wrong_kind_is_named(tmp_path: Path, override: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        load_config(write(tmp_path, "name: a\nfinetune: {epochs: 2}\n"), [override])
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is not a parts file: it is empty, and a mapping with keys such as size was expected"),
        ("- a", "is not a parts file: it holds a list"),
        ("{}", "1 problem in the parts file"),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path: Path, text: str, expected: str) -> None:
    class Part(BaseModel):
        size: int

    with pytest.raises(UserError) as caught:
        read_checked(write(tmp_path, text), Part, "parts file")
    assert expected in str(caught.value)


def test_override_without_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"finetune\.epochs=2"):
        load_config(write(tmp_path, "name: a\n"), ["finetune.epochs"])


def test_tandem_runs_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_RUNS", str(tmp_path / "elsewhere"))
    loaded = load_config(write(tmp_path, "name: a\nruns_dir: here\n"))
    assert loaded.config.runs_dir == tmp_path / "elsewhere"
    assert loaded.origin("runs_dir") == "variable TANDEM_RUNS"


def test_dumped_config_reads_back_equal(tmp_path: Path) -> None:
    config = load_config(CONFIGS[0]).config
    assert load_config(write(tmp_path, dump_config(config))).config == config
