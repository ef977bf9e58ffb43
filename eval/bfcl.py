"""The Berkeley Function-Calling Leaderboard's `simple` and `irrelevance` questions as test sets out of the domain.

    eval.sets: {t3: 300, bfcl_simple: 200, bfcl_irrelevance: 100}

Asked of `base` and `teacher-eager` they tell what fine-tuning cost: every row brings its own function, which neither
model was tuned on. The rows come from the pinned wheel `bfcl-eval` (Apache-2.0 by its metadata; Berkeley Sky Computing
Lab), which is taken apart and never installed. Function descriptions are shortened to a few lines: about 200 tokens a
prompt, so that a model of 135M weights can read them. That, the two examples and the JSON form of the answer differ
from the leaderboard's own prompt: compare these figures with each other, not with the published ones.
"""

from __future__ import annotations

import json
from typing import Any

from train.data.bfcl_wheel import bfcl_lines

Row = dict[str, Any]

SETS = {"bfcl_simple": "BFCL_v4_simple_python.json", "bfcl_irrelevance": "BFCL_v4_irrelevance.json"}

NO_CALL = '{"name":null,"arguments":{}}'
INSTRUCTION = (
    "Answer with one JSON object: the call of the function with the arguments that the question gives, "
    f"or {NO_CALL} where the function can't answer the question."
)
# Written for this project; the functions are not among the leaderboard's.
_EXAMPLE_FUNCTION = {
    "name": "shelf.count_books",
    "description": "Count the books on a shelf.",
    "parameters": {
        "type": "dict",
        "properties": {
            "shelf": {"type": "integer", "description": "Number of the shelf."},
            "language": {"type": "string", "description": "Only books in this language."},
        },
        "required": ["shelf"],
    },
}
_EXAMPLES = (
    (
        "How many books in Welsh are on shelf 7?",
        '{"name":"shelf.count_books","arguments":{"language":"Welsh","shelf":7}}',
    ),
    ("Which train leaves for Bergen tonight?", NO_CALL),
)


def bfcl_rows(name: str, n: int) -> list[Row]:
    """The first `n` rows of the set `name`, in the order of the leaderboard.

    A row is a chat row with `function` (its schema) and `possible` (argument → right values; None: it does not apply).

    Raises UserError where the wheel can't be fetched or is not the pinned one.
    """
    answered = [f"possible_answer/{SETS[name]}"] if name == "bfcl_simple" else []
    questions, *found = bfcl_lines(SETS[name], *answered)
    answers = {line["id"]: line["ground_truth"][0] for lines in found for line in lines}
    return [_row(question, answers.get(question["id"]), name.removeprefix("bfcl_")) for question in questions[:n]]


def _row(question: dict[str, Any], answer: dict[str, Any] | None, category: str) -> Row:
    [function], [[user]] = question["function"], question["question"]
    possible = None if answer is None else answer[function["name"]]
    turns = [(_EXAMPLE_FUNCTION, *example) for example in _EXAMPLES]
    turns.append((function, user["content"], NO_CALL if possible is None else _call(function, possible)))
    messages = [{"role": "system", "content": INSTRUCTION}]
    for described, asked, answered in turns:
        messages.append({"role": "user", "content": f"{describe(described)}\nQuestion: {asked}"})
        messages.append({"role": "assistant", "content": answered})
    return {
        "messages": messages,
        "id": question["id"],
        "category": f"bfcl {category}",
        "function": function,
        "possible": possible,
    }


def describe(function: dict[str, Any]) -> str:
    """A function's schema in a line for itself and one for each argument."""
    parameters = function["parameters"]
    lines = [f"Function: {function['name']}. {function['description'].strip()}"]
    for name, schema in parameters["properties"].items():
        kind = _type(schema) + ("" if name in parameters["required"] else ", optional")
        lines.append(f"- {name} ({kind}): {schema.get('description', '').strip()}".rstrip(": "))
    return "\n".join(lines)


def _type(schema: dict[str, Any]) -> str:
    """`string`, `one of a|b`, `array of float`, `dict with a: string, b: integer`."""
    if "enum" in schema:
        return "one of " + "|".join(map(str, schema["enum"]))
    if isinstance(schema.get("items"), dict):
        return f"{schema['type']} of {_type(schema['items'])}"
    if schema.get("properties"):
        inner = ", ".join(f"{name}: {_type(value)}" for name, value in schema["properties"].items())
        return f"{schema['type']} with {inner}"
    return str(schema["type"])


def _call(function: dict[str, Any], possible: dict[str, list[Any]]) -> str:
    """One right call: the first possible value of each argument that must be there."""
    needed = function["parameters"]["required"]
    arguments = {
        name: _first(next(value for value in values if value != ""))
        for name, values in sorted(possible.items())
        if name in needed or "" not in values
    }
    return json.dumps({"name": function["name"], "arguments": arguments}, separators=(",", ":"), ensure_ascii=False)


def _first(value: Any) -> Any:
    """Objects hold lists of possible values, too."""
    if isinstance(value, dict):
        return {key: _first(values[0]) for key, values in value.items() if "" not in values}
    return [_first(item) for item in value] if isinstance(value, list) else value
