"""What every command of Tandem does around its work: faults become one message and an exit status."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from train import early_interrupt
from train.config import Config, load_config
from train.errors import GateError, TandemError, UserError
from train.progress import say
from train.runs import Stage
from train.stage import run_stage

INTERRUPTED = 130
_UNUSABLE = {
    errno.EACCES: "permission denied",
    errno.EPERM: "not permitted",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a part of it is a file, not a folder",
    errno.EISDIR: "it is a folder, not a file",
    errno.EEXIST: "a file has this name",
    errno.ELOOP: "its links go round in a circle",
    errno.ENAMETOOLONG: "the name is too long",
}


def guarded(work: Callable[[], dict[str, Any] | None]) -> int:
    """Runs `work`, prints its result as the last line of stdout (JSON), and returns the exit status."""
    early_interrupt.give_back()
    try:
        result = work()
    except TandemError as error:
        say(f"error: {error}", everywhere=True)
        if isinstance(error, GateError) and error.result is not None:
            print(json.dumps(error.result, ensure_ascii=False), flush=True)
        return error.exit_status
    except KeyboardInterrupt:
        return _interrupted()
    except RuntimeError as error:
        # Python 3.11 wraps what happens inside a __set_name__ (half of all imports make dataclasses).
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return _interrupted()
    except OSError as error:
        return _file_fault(error)
    except Exception as error:
        # safetensors writes in Rust: its error is no OSError and names the system's number in its text alone.
        if type(error).__name__ != "SafetensorError" or f"(os error {errno.ENOSPC})" not in str(error):
            raise
        return _file_fault(OSError(errno.ENOSPC, str(error)))
    if result is not None:
        print(json.dumps(result, ensure_ascii=False), flush=True)
    return 0


def _file_fault(error: OSError) -> int:
    """A full disk is the machine's fault; a path that can't be used is the user's. All else may be ours: raised."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = error.filename or "while writing"
        say(f"error: the disk is full ({where}). Free some space and run the same command again.", everywhere=True)
        return 1
    if error.errno in _UNUSABLE and error.filename is not None:
        what = f"{error.filename} can't be used here: {_UNUSABLE[error.errno]}"
        say(f"error: {what}. Give another path, or mend this one.", everywhere=True)
        return UserError.exit_status
    raise error


def _interrupted() -> int:
    say("interrupted: finished stages and checkpoints are kept, the same command goes on from there")
    return INTERRUPTED


def stage_main(stage: Stage, arguments: Sequence[str], as_configured: Callable[[Config], Stage] | None = None) -> int:
    """Command line of a stage started as a module: CONFIG [key=value …].

    `as_configured` gives the stage that a config needs, where that is not always `stage`.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        example = f"configs/demo.yaml {stage.sections[-1].partition('.')[0]}.max_minutes=5"
        print(f"usage: CONFIG [key=value …]\n\nRuns the stage '{stage.name}'. Example: {example}")
        return 0 if arguments else UserError.exit_status
    loaded_arguments = (Path(arguments[0]), arguments[1:])

    def work() -> dict[str, Any] | None:
        config = load_config(*loaded_arguments).config
        headline = run_stage(as_configured(config) if as_configured else stage, config)
        # A helper process of accelerate or torchrun says nothing: the last line of stdout is process 0's.
        return {"stage": stage.name, **headline} if os.environ.get("RANK", "0") == "0" else None

    return guarded(work)
