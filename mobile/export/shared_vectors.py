"""Scales and zero points of a quantised file, each vector written once.

ai-edge-quantizer gives every tensor its own copy, and a matrix is a tensor in each signature: 4 bytes of scale and 8 of
zero point a row, for decode and each prefill bucket again. In a flatbuffer several tables may point to one vector, so
nothing but the writing has to change. Figures: mobile/LOG.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock


class _Builder:
    """A flatbuffers builder that writes equal vectors once."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self._written: dict[tuple[str, bytes], int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._builder, name)

    def CreateNumpyVector(self, values: Any) -> int:  # noqa: N802 (the library's name)
        key = values.dtype.str, values.tobytes()
        if key not in self._written:
            self._written[key] = int(self._builder.CreateNumpyVector(values))
        return self._written[key]


@contextlib.contextmanager
def each_vector_once() -> Iterator[None]:
    """Within it, a model that is written has no vector of scales or zero points twice. Not for several threads at once:
    it is the library's class that changes."""
    from ai_edge_litert.schema_py_generated import QuantizationParametersT

    pack = QuantizationParametersT.Pack
    builders: dict[int, _Builder] = {}  # by the builder that is wrapped, which they keep alive

    def pack_once(parameters: Any, builder: Any) -> Any:
        return pack(parameters, builders.setdefault(id(builder), _Builder(builder)))

    with mock.patch.object(QuantizationParametersT, "Pack", pack_once):
        yield
