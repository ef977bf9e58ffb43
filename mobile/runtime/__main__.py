"""Ask an exported folder: python -m mobile.runtime FOLDER "turn on the kitchen lights"

The answer streams to stdout; time to first token and tokens/s go to stderr. Exit status 2 where
the folder or the prompt is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .chat import Chat
from .errors import ModelError
from .sampler import Sampler


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        chat = Chat(options.folder, options.variant, options.threads)
        if options.self_test:
            print(f"self-test passed: {chat.self_test()}", file=sys.stderr)
        sampler = Sampler(options.temperature, options.top_k, options.top_p, options.seed)
        if options.prompt is not None:
            _answer(chat, options.prompt, options.max_new_tokens, sampler)
    except (ModelError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _answer(chat: Chat, prompt: str, max_new_tokens: int | None, sampler: Sampler) -> None:
    times = [time.perf_counter()]

    def timed(ids: Iterator[int]) -> Iterator[int]:
        for token in ids:
            times.append(time.perf_counter())
            yield token

    prompt_tokens = len(chat.prompt_ids(prompt))
    for piece in chat.tokenizer.stream(timed(chat.stream_ids(prompt, max_new_tokens, sampler))):
        print(piece, end="", flush=True)
    print()
    first = f"first token after {1e3 * (times[1] - times[0]):.0f} ms, " if len(times) > 1 else ""
    speed = f", {(len(times) - 2) / (times[-1] - times[1]):.0f} tokens/s" if len(times) > 2 else ""
    print(f"{chat.variant}: {prompt_tokens} prompt tokens, {first}{len(times) - 1} tokens{speed}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mobile.runtime", description="Ask an exported folder.")
    parser.add_argument("folder", type=Path, help="holds bundle.json (mobile/ of a run)")
    parser.add_argument("prompt", nargs="?", help="the user's text")
    parser.add_argument("--variant", help="int8 or fp32 (default: int8 where there is one)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument("--max-new-tokens", type=int, help="longest answer (default: up to the window's end)")
    parser.add_argument("--temperature", type=float, default=0.0, help="0: greedy (default)")
    parser.add_argument("--top-k", type=int, default=0, help="0: no limit (default)")
    parser.add_argument("--top-p", type=float, default=1.0, help="1: no limit (default)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--self-test", action="store_true", help="first check that this machine computes what was exported"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
