"""`tandem dashboard RUN`: the run in trackio's page on this machine; nothing leaves it, no account is asked for.

The run is imported into a folder of its own below the cache, so that neither the run folder nor a trackio project of
the user is touched.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import webbrowser
from pathlib import Path
from typing import Any

from train.cache import cache_folder
from train.free_port import HOST, require_free, taken
from train.progress import say
from train.tracking.trackio_run import quiet, require_trackio
from train.until_ended import until_ended


def dashboard(run: Path, *, browser: bool = True, port: int | None = None) -> dict[str, Any]:
    """Shows a run until Ctrl-C. Returns {"run", "url", "stages", "lines"}.

    Args:
        run: run folder.
        browser: open the page in the default browser, too.
        port: where to serve on 127.0.0.1; None: the first free one from 7860.

    Raises UserError where the port is taken.
    """
    require_trackio("tandem dashboard")
    require_free(port)
    folder = dashboard_folder(run)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["TRACKIO_DIR"] = str(folder)  # trackio reads it when it is imported, which is below
    from train.tracking.backfill import backfill_trackio

    replayed = backfill_trackio(run)
    server, url = _serve(replayed["project"], port)
    say(f"dashboard of {run}: {url} (Ctrl-C ends it)")
    if browser:
        webbrowser.open(url)
    try:
        until_ended()
    finally:
        server.close(verbose=False)
    return {"run": str(run), "url": url, "stages": replayed["stages"], "lines": replayed["lines"]}


def dashboard_folder(run: Path) -> Path:
    """Where the imported copy of a run lies."""
    return cache_folder() / "trackio" / hashlib.sha256(str(run.resolve()).encode()).hexdigest()[:12]


def _serve(project: str, port: int | None) -> tuple[Any, str]:
    with quiet():
        import trackio

        try:
            server, url, _, _ = trackio.show(
                project, open_browser=False, block_thread=False, host=HOST, server_port=port, share=False
            )
        except OSError:  # what it says when no port is free
            raise taken(port) from None
    # The address without trackio's write token: the page only shows.
    return server, f"{url.rstrip('/')}/?project={project}"
