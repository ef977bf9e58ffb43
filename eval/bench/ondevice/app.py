"""The process that an app would be: mobile/runtime on a run's exported folder, text in, call out.

Run by app_process.py as a file, not as a module, with mobile/ on the path: the packages `eval` and `mobile` would bring
libraries with them that no app has, and its memory is measured.

    PYTHONPATH=mobile python -P eval/bench/ondevice/app.py FOLDER RUNNER default|off QUESTION …
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any


def main(folder: Path, runner: str, constrain: str, questions: list[str]) -> dict[str, Any]:
    """Seconds to import, to be ready, and of an answer to each question; the first one of a process is among them.
    Each is asked once: the runtime learns from its answers, and would know the second time what to draft."""
    start = time.perf_counter()
    runtime: Any = importlib.import_module("runtime")
    for library in ("ai_edge_litert.interpreter", "tokenizers"):  # the runtime imports them when it needs them
        importlib.import_module(library)
    imported = time.perf_counter()
    # None: as the folder wants it.
    chat: Any = runtime.Chat(folder, threads=1, runner=runner, constrain="off" if constrain == "off" else None)
    loaded, seconds, texts = time.perf_counter(), [], []
    for question in questions:
        begin = time.perf_counter()
        texts.append(chat.answer(question).text)
        seconds.append(time.perf_counter() - begin)
    return {
        "import_s": imported - start,
        "load_s": loaded - start,
        "answers_s": seconds,
        "answer": texts[0],
        "file_bytes": chat.model.path.stat().st_size,
        "constrained": chat.constrain != "off",
        "peak_memory_bytes": peak_memory_bytes(),
    }


def peak_memory_bytes() -> int:
    """VmHWM of this process: ru_maxrss would be its parent's, where that was larger."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])))
