"""Makes the vectors of the contract anew, or says which are out of date.

    python -m mobile.contract                         all files
    python -m mobile.contract constraint golden       some of them
    python -m mobile.contract --check                 writes nothing; status 3 where a file is not current

Run it after mobile/prebuilt/small was made anew, or when the behaviour of mobile/runtime was changed on purpose.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from mobile.contract.prebuilt import PREBUILT, Prebuilt
from mobile.contract.vector_files import BUILDERS, COMMAND, VECTORS, stale_vectors, write_vectors
from mobile.runtime.errors import ModelError
from mobile.runtime.runner import quiet_exit
from train.command import guarded
from train.errors import GateError, UserError


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> dict[str, Any]:
    names = options.names or list(BUILDERS)
    if unknown := sorted(set(names) - set(BUILDERS)):
        raise UserError(f"There is no vector file {unknown[0]!r}; there are {', '.join(BUILDERS)}.")
    prebuilt = Prebuilt(options.folder)
    try:
        prebuilt.bundle.check_hash("tokenizer.json")  # also: a folder that is none is named before anything is made
        if not options.check:
            return {"folder": str(options.out), "bytes": write_vectors(prebuilt, names, options.out)}
        stale = stale_vectors(prebuilt, names, options.out)
    except ModelError as error:
        raise UserError(str(error)) from error
    if stale:
        files = ", ".join(f"{name}.json" for name in stale)
        raise GateError(f"Not current in {options.out}: {files}. Run: {COMMAND} {' '.join(stale)}", {"stale": stale})
    return {"folder": str(options.out), "current": names}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=COMMAND, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BUILDERS)} (default: all)")
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--folder", type=Path, default=PREBUILT, help="exported folder (mobile/prebuilt/small)")
    parser.add_argument("--out", type=Path, default=VECTORS, help="where the files are (mobile/contract/vectors)")
    return parser


if __name__ == "__main__":
    quiet_exit()
    sys.exit(main())
