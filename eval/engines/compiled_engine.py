"""The teacher with torch.compile: decode steps as one compiled graph, prompts eager.

Only decode steps have one shape. Each further shape costs a compilation of half a minute and more, which prompts of
many lengths would never earn back; so batches are filled up and the cache's length is rounded.
"""

from __future__ import annotations

import shutil
from typing import Any

from eval.engines.torch_engine import TeacherEngine
from train.errors import TandemError

GRAPHS = 64


class CompiledEngine(TeacherEngine):
    """`teacher-compiled`."""

    def load(self) -> None:
        super().load()
        if self._device.type == "cpu" and not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
            raise TandemError("torch.compile needs a C++ compiler, and this machine has none. Install g++.")
        # One graph a length of the cache: prompts of very different lengths have more than the eight that are kept.
        self._torch._dynamo.config.recompile_limit = GRAPHS
        # fullgraph: a graph break would be measured as if it were the compiled model.
        self._compiled: Any = self._torch.compile(super()._forward, fullgraph=True, dynamic=False)

    def generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        filled = prompts + [prompts[0]] * (self.batch_size - len(prompts))
        return super().generate(filled, max_new_tokens)[: len(prompts)]

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "note": "decode steps compiled, prompts eager; compiling is part of the warm-up"}

    def _forward(self, ids: Any, mask: Any, positions: Any, cache: Any) -> Any:
        forward = self._compiled if ids.shape[1] == 1 else super()._forward
        return forward(ids, mask, positions, cache)
