"""uvicorn, held short: our own log, a time for headers, a graceful end that exits with 0."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

GRACE = 30
"""Seconds that requests in flight get to end."""
HEADER_TIME = 10.0
"""Seconds from the connection's first moment in which a request's headers must be there."""
IDLE = 15
MOST_CONNECTIONS = 512


class _Patient(H11Protocol):
    """Closes a connection whose first request does not come in time: uvicorn itself would wait for ever."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._working():
            self._cancel()
        elif self._deadline is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(HEADER_TIME, self._too_slow)

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self._working() and not self.transport.is_closing():
            self.transport.close()

    def _working(self) -> bool:
        cycle: Any = self.cycle  # None until the first request, whatever its declaration says
        return cycle is not None and not cycle.response_complete


class Server(uvicorn.Server):
    """Serves one application on one socket until `should_exit` is set. Signals are the caller's to handle."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError when the address cannot be had."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(1024)
    except OSError:
        made.close()
        raise
    return made


def server_for(app: ASGIApp) -> Server:
    """The server, silent but for what the application logs."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
    return Server(
        uvicorn.Config(
            app,
            http=_Patient,
            ws="none",
            lifespan="off",
            interface="asgi3",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=GRACE,
            h11_max_incomplete_event_size=32 * 1024,
        )
    )


class Served:
    """A server in a thread of its own: for tests and drills."""

    def __init__(self, app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> None:
        self._socket = listen(host, port)
        name = self._socket.getsockname()
        self.url = f"http://{name[0]}:{name[1]}"
        self._server = server_for(app)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(GRACE + 5)
