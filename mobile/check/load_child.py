"""Loads and calls a .tflite file in a process of its own: a damaged file may crash the runtime.

Arguments: path, offset and length of the model in it. Prints one JSON object as its last line:
{"stage": where it failed or "done", "error": message or null, "logits": "ok", "zero", "not finite" or null}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(path: str, offset: int, length: int) -> dict[str, Any]:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    stage, logits = "load", None
    try:
        if offset == 0 and length == Path(path).stat().st_size:
            interpreter = Interpreter(model_path=path, num_threads=1)
        else:
            with Path(path).open("rb") as file:
                file.seek(offset)
                interpreter = Interpreter(model_content=file.read(length), num_threads=1)
        stage = "prepare"
        interpreter.allocate_tensors()
        for stage in _called(interpreter):
            runner = interpreter.get_signature_runner(stage)
            # Ones, not zeros: token 0 may be the padding row, which is all zero in some models.
            values = {n: np.ones(entry["shape"], entry["dtype"]) for n, entry in runner.get_input_details().items()}
            values |= {n: 0 * value for n, value in values.items() if "cache" in n or "mask" in n or "pos" in n}
            results = runner(**values)
            if stage == "decode" and "logits" in results:
                logits = _judge(results["logits"])
    except Exception as error:  # whatever the runtime raises is the answer
        return {"stage": stage, "error": " ".join(str(error).split()) or type(error).__name__, "logits": logits}
    return {"stage": "done", "error": None, "logits": logits}


def _called(interpreter: Any) -> list[str]:
    """decode and the smallest prefill: enough to see that they run."""
    sizes = {}
    for name, names in interpreter.get_signature_list().items():
        if name == "decode" or name.startswith("prefill"):
            runner = interpreter.get_signature_runner(name)
            positions = {"positions", "input_pos"} & set(names["inputs"])
            sizes[name] = sum(int(runner.get_input_details()[n]["shape"][-1]) for n in positions)
    prefills = sorted((size, name) for name, size in sizes.items() if name != "decode")
    return [*(["decode"] if "decode" in sizes else []), *[name for _, name in prefills[:1]]]


def _judge(logits: Any) -> str:
    import numpy as np

    if not np.isfinite(logits).all():
        return "not finite"
    return "ok" if np.any(logits) else "zero"


if __name__ == "__main__":
    print("\n" + json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
