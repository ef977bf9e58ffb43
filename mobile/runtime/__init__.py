"""The runtime: an exported student on NumPy, ai-edge-litert (or tflite-runtime) and tokenizers, nothing else.

It imports nothing of the rest of the project, so this folder can be copied to a device as it is.
"""

from __future__ import annotations

from .actions import Actions
from .answer import Answer
from .chat import Chat
from .constraint import CallConstraint
from .errors import ActionError, ContextFullError, ModelError, PromptError, SchemaError
from .home import Home
from .model import Model
from .sampler import Sampler

__all__ = [
    "ActionError",
    "Actions",
    "Answer",
    "CallConstraint",
    "Chat",
    "ContextFullError",
    "Home",
    "Model",
    "ModelError",
    "PromptError",
    "Sampler",
    "SchemaError",
]
