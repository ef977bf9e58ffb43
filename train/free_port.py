"""The port that a page is to be served on, looked at before what takes long."""

from __future__ import annotations

import socket

from train.errors import UserError

HOST = "127.0.0.1"


def require_free(port: int | None) -> None:
    """Raises UserError where `port` can't be served on; None and 0 mean any."""
    if not port:
        return
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: not held by one that has ended
        try:
            trial.bind((HOST, port))
        except OSError:
            raise taken(port) from None


def taken(port: int | None) -> UserError:
    which = "None of the usual ports is free" if port is None else f"Port {port} (--port) is taken or not allowed"
    return UserError(f"{which} on {HOST}. Name another, e.g. --port 8000, or end what is served there.")
