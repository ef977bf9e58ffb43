"""Rules about the chat template of a .litertlm file, rendered as an app would.

Since 0.18 LiteRT-LM hands a message's content over as a list of parts, `[{"type": "text", "text": …}]`, where
transformers hands over a string: templates that add strings fail on it or print the list. LiteRT-LM renders with
minijinja; here Jinja2 does, in its sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mobile.check.finding import LITERT_LM, Fault, Rule, Severity
from mobile.check.litertlm_file import LitertlmFile
from train.errors import MissingExtraError

Messages = list[dict[str, Any]]

TEXTS = ("turn on the lamp", '{"name":null,"arguments":{}}', "and now off")
CONVERSATIONS: tuple[Messages, ...] = (
    [{"role": "user", "content": TEXTS[0]}],
    [{"role": role, "content": text} for role, text in zip(("user", "assistant", "user"), TEXTS, strict=True)],
    [{"role": "system", "content": "be brief"}, {"role": "user", "content": TEXTS[0]}],
)
CURE = (
    "Ask for the kind of content: {% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}"
)


class RenderError(ValueError):
    """The template raised; the message is the reason."""


def breaks_on_parts(file: LitertlmFile) -> Iterator[Fault]:
    """The same conversation as strings and as lists of parts must give the same text."""
    if not _template(file):
        return
    for messages in CONVERSATIONS:
        try:
            expected = render(file, messages)
        except RenderError:
            if messages is not CONVERSATIONS[0]:
                continue  # many a template refuses a system message, and says so
            expected = None
        try:
            rendered = render(file, in_parts(messages))
        except RenderError as error:
            yield Fault("template", f"it fails on content as a list of parts: {error}", CURE)
            return
        if expected is not None and rendered != expected:
            yield Fault("template", f"content as a list of parts gives another text: {_difference(rendered)}", CURE)
            return


def loses_text(file: LitertlmFile) -> Iterator[Fault]:
    """The user's words must be in the prompt, and the turn must go to the assistant."""
    if not _template(file):
        return
    try:
        prompt = render(file, in_parts(CONVERSATIONS[0]))
        silent = render(file, in_parts(CONVERSATIONS[0]), generate=False)
    except RenderError:
        return  # breaks_on_parts says so
    if TEXTS[0] not in prompt:
        yield Fault("template", f"the user's words are not in the prompt: {_difference(prompt)}", CURE)
    elif prompt == silent:
        yield Fault(
            "template",
            "add_generation_prompt changes nothing: the prompt does not end with the assistant's header",
            "End with {% if add_generation_prompt %}…{% endif %}, the header of the assistant's turn in it.",
        )


def missing_template(file: LitertlmFile) -> Iterator[Fault]:
    """Models of a known family have a built-in template; others get one that they have not learnt with."""
    metadata = file.metadata
    if metadata is None or metadata.jinja_prompt_template or metadata.HasField("prompt_templates"):
        return
    if metadata.llm_model_type.WhichOneof("model_type") in (None, "generic_model"):
        yield Fault(
            "LlmMetadata",
            "there is no chat template, and the model is of no known family: the prompt is not the one of the training",
            "Set jinja_prompt_template to the template that the model was trained with.",
        )


def render(file: LitertlmFile, messages: Messages, generate: bool = True) -> str:
    """The prompt of `messages`. Raises RenderError where the template does."""
    environment = _environment()
    try:
        text: str = environment.from_string(_template(file)).render(
            messages=messages, add_generation_prompt=generate, bos_token=start_text(file), eos_token=""
        )
    except Exception as error:  # a template may raise anything: its code runs on types it did not expect
        raise RenderError(" ".join(str(error).split())[:160] or type(error).__name__) from error
    return text


def in_parts(messages: Messages) -> Messages:
    """The same messages with their content as LiteRT-LM passes it."""
    return [message | {"content": [{"type": "text", "text": message["content"]}]} for message in messages]


def start_text(file: LitertlmFile) -> str:
    """The start token as text, "" where there is none or it can't be told."""
    if file.metadata is None or not file.metadata.HasField("start_token"):
        return ""
    token = file.metadata.start_token
    if token.token_str or file.tokenizer is None:
        return str(token.token_str)
    return str(file.tokenizer.id_to_token(token.token_ids.ids[0]) or "") if token.token_ids.ids else ""


def _template(file: LitertlmFile) -> str:
    return str(file.metadata.jinja_prompt_template) if file.metadata is not None else ""


def _environment() -> Any:
    try:
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise MissingExtraError("jinja2", "mobile", "Checking the chat template of a .litertlm file") from error

    def fail(message: str) -> None:
        raise RenderError(message)

    environment = ImmutableSandboxedEnvironment(  # the settings that transformers renders with
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = fail
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
    return environment


def _difference(text: str) -> str:
    return repr(text if len(text) < 160 else text[:157] + "…")


RULES = (
    Rule("template-parts", Severity.ERROR, LITERT_LM, breaks_on_parts),
    Rule("template-prompt", Severity.ERROR, LITERT_LM, loses_text),
    Rule("template-missing", Severity.ERROR, LITERT_LM, missing_template),
)
