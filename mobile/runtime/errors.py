"""What can go wrong on the device, as one message a user can act on."""

from __future__ import annotations


class ModelError(RuntimeError):
    """The folder or the model file is missing, damaged, or of another kind than expected."""


class PromptError(ModelError):
    """The prompt is empty, too long for the window, or holds ids outside the vocabulary."""


class ContextFullError(ModelError):
    """The KV cache is full: no further token can be read or written."""


class SchemaError(ModelError):
    """tools.json asks for something that constrained decoding cannot guarantee."""


class ActionError(ModelError):
    """The home's names or a function registered for an effect do not fit tools.json."""
