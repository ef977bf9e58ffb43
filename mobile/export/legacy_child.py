"""Greedy ids on the old runtime. A script of the environment of legacy.py: it has NumPy and tflite-runtime, no more."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mobile.runtime.model import Model
from mobile.runtime.sampler import Sampler


def main() -> None:
    request = json.load(sys.stdin)
    model = Model(Path(request["model"]))
    answers = []
    for prompt in request["prompts"]:
        model.reset()
        steps = min(request["steps"], model.window - len(prompt) + 1)
        answers.append(list(model.generate(prompt, steps, (), Sampler())))
    print(json.dumps([[int(token) for token in ids] for ids in answers]))


if __name__ == "__main__":
    main()
