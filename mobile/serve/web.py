"""The verb `tandem web`: serves the page, or writes it into a folder that any web server can host."""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path
from typing import Any

from mobile.serve.headers import hosting_file
from mobile.serve.packages import packages
from mobile.serve.server import PageServer
from mobile.serve.site import Site, exported_folder
from train.atomic import whole_folder
from train.errors import UserError
from train.progress import say
from train.until_ended import until_ended


def web(
    run: Path, port: int | None = None, threads: bool = True, browser: bool = False, export: Path | None = None
) -> dict[str, Any]:
    """Serves the page with the student of `run` until Ctrl-C, or exports it.

    Args:
        run: run folder, or any folder with a bundle.json.
        port: None: the first free one from 7870.
        threads: send the headers with which a browser allows threads.
        browser: open the page in the default browser, too.
        export: write the page there instead of serving it.
    """
    folder = exported_folder(run)
    site = Site(folder, packages())
    if export is not None:
        return write_site(site, export)
    with PageServer(site, port, threads) as server:
        say(f"{folder} in the browser: {server.address} (Ctrl-C ends it)")
        if browser:
            webbrowser.open(server.address)
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        until_ended()
        server.shutdown()
        return {"folder": str(folder), "url": server.address, "threads": threads}


def write_site(site: Site, folder: Path) -> dict[str, Any]:
    """The page as a folder of files, `_headers` among them for the hosts that read it.

    Raises UserError where something else is at `folder`: nothing is deleted but an older export.
    """
    if folder.exists() and not (folder / "service_worker.js").is_file():
        raise UserError(f"{folder} exists and is no exported page. Name a new folder: --export FOLDER")
    with whole_folder(folder) as temporary:
        for name, path in site.files.items():
            target = temporary / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(site.read(path))
        (temporary / "_headers").write_text(hosting_file(), encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    say(f"The page is in {folder}. Threads need the headers in {folder / '_headers'}; without them it runs on one.")
    return {"folder": str(folder), "files": len(site.files) + 1, "bytes": size}
