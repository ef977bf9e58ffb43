"""Ask an exported folder: python -m mobile.runtime FOLDER "turn on the kitchen lights"

The answer streams to stdout; time to first token and tokens/s go to stderr. Exit status 2 where
the folder or the prompt is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import get_args

from .chat import Chat
from .constraint import CONSTRAINTS
from .errors import ModelError
from .runner import RunnerKind, quiet_exit
from .sampler import Sampler


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.prompt is None and not options.self_test:
        parser.error("give a prompt, or --self-test")
    if options.max_new_tokens is not None and options.max_new_tokens < 1:
        parser.error(f"--max-new-tokens is {options.max_new_tokens}; at least 1 is needed")
    try:
        chat = Chat(options.folder, options.variant, options.threads, options.runner, options.constrain)
        if options.self_test:
            print(f"self-test passed: {chat.self_test()}", file=sys.stderr)
        sampler = Sampler(options.temperature, options.top_k, options.top_p, options.seed)
        if options.prompt is not None:
            _answer(chat, options.prompt, options.max_new_tokens, sampler)
    except (ModelError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read along has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _answer(chat: Chat, prompt: str, max_new_tokens: int | None, sampler: Sampler) -> None:
    answer = chat.answer(prompt, max_new_tokens, sampler, on_text=partial(print, end="", flush=True))
    print()
    ended = (
        "" if answer.stopped else ", cut off: the budget of new tokens or the window does not hold what the model meant"
    )
    speed = f", {answer.tokens_per_second:.0f} tokens/s" if answer.tokens_per_second else ""
    print(
        f"{chat.variant}, constrain {chat.constrain}: {answer.prompt_tokens} prompt tokens, first token after "
        f"{1e3 * answer.first:.0f} ms, {len(answer.ids)} tokens{speed}{ended}",
        file=sys.stderr,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mobile.runtime", description="Ask an exported folder.")
    parser.add_argument("folder", type=Path, help="holds bundle.json (mobile/ of a run)")
    parser.add_argument("prompt", nargs="?", help="the user's text")
    parser.add_argument("--variant", help="int8 or fp32 (default: int8 where there is one)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument("--runner", choices=get_args(RunnerKind), default="auto", help="(default auto)")
    parser.add_argument(
        "--constrain",
        choices=CONSTRAINTS,
        help="schema: only valid calls; substrings: and open strings cut from the prompt; off (default: what "
        "bundle.json says)",
    )
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
    quiet_exit()
    sys.exit(main())
