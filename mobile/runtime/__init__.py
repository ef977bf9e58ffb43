"""The runtime: an exported student on NumPy, ai-edge-litert (or tflite-runtime) and tokenizers, nothing else.

It imports nothing of the rest of the project, so this folder can be copied to a device as it is.
"""

from __future__ import annotations

from .answer import Answer
from .chat import Chat
from .constraint import CallConstraint
from .errors import ContextFullError, ModelError, PromptError, SchemaError
from .model import Model
from .sampler import Sampler

__all__ = [
    "Answer",
    "CallConstraint",
    "Chat",
    "ContextFullError",
    "Model",
    "ModelError",
    "PromptError",
    "Sampler",
    "SchemaError",
]
