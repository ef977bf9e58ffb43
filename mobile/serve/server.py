"""The server of the page: this machine only, only the files of a site."""

from __future__ import annotations

import errno
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mobile.serve.headers import headers
from mobile.serve.site import Site
from train.errors import UserError

HOST = "127.0.0.1"
FIRST_PORT = 7870  # the same one at each start, where it is free: what a browser keeps offline belongs to an address
PORTS = 20


class PageServer(ThreadingHTTPServer):
    """Serves `site` on 127.0.0.1.

    Args:
        port: None takes the first free one from FIRST_PORT, 0 any free one.
        isolated: with the headers that allow threads.

    Raises UserError where the port is taken.
    """

    daemon_threads = True

    def __init__(self, site: Site, port: int | None = None, isolated: bool = True) -> None:
        self.site, self.isolated = site, isolated
        for wanted in range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else [port]:
            try:
                super().__init__((HOST, wanted), PageHandler)
                return
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
        raise UserError(
            f"Port {port if port is not None else f'{FIRST_PORT} to {FIRST_PORT + PORTS - 1}'} on {HOST} is taken or "
            "not allowed. Name another: --port 8000, or --port 0 for any free one."
        )

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up in the middle is no fault of the server: nothing is printed."""


class PageHandler(BaseHTTPRequestHandler):
    """GET and HEAD of the files of a site."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tandem", ""
    timeout = 60

    def do_GET(self) -> None:
        path = self._wanted()
        if path is not None:
            self._send(path)

    do_HEAD = do_GET  # noqa: N815

    def _wanted(self) -> Path | None:
        """The file that is asked for; where there is none, the answer is sent."""
        # Another name than ours means that a page elsewhere has made its name point here (DNS rebinding).
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in (HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN, "This server answers 127.0.0.1 and localhost only")
            return None
        path = self.server.site.find(unquote(urlsplit(self.path).path))
        if path is None or not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return path

    def _send(self, path: Path) -> None:
        status = path.stat()
        tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        fresh = self.headers.get("If-None-Match") == tag
        content = b"" if fresh else self.server.site.read(path)
        self.send_response(HTTPStatus.NOT_MODIFIED if fresh else HTTPStatus.OK)
        for name, value in headers(path.name, self.server.isolated).items():
            self.send_header(name, value)
        self.send_header("ETag", tag)
        if not fresh:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Silent: the browser shows what failed."""
