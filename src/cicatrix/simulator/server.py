"""The HTTP face: a world behind real sockets on loopback, with its log host as another origin on a second port."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from .exchange import API, LOGS, Request, Response
from .world import World

HOST = "127.0.0.1"
NO_BODY = frozenset({204, 304})


class Server:
    """Two listening sockets and their threads. `close()` ends both; as a context manager it closes itself."""

    def __init__(self, world: World, port: int = 0) -> None:
        self._servers = (listen(world, API, port), listen(world, LOGS, 0))
        self.api_url, self.log_url = (f"http://{HOST}:{s.server_address[1]}" for s in self._servers)
        world.api_origin, world.log_origin = self.api_url, self.log_url
        self._threads = [
            threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True) for s in self._servers
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stops listening and cuts the connections that are still open."""
        for server in self._servers:
            server.shutdown()
            server.cut()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(world: World, port: int = 0) -> Server:
    """Serves the world's API on this port of loopback (0: a free one) and its logs on another free one.

    The world's `api_origin` and `log_origin` become the two addresses. Time does not pass by itself; see
    `World.follow_clock`.
    """
    return Server(world, port)


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    world: World
    origin: str

    def __init__(self, port: int) -> None:
        super().__init__((HOST, port), _Handler)
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if isinstance(request, socket.socket):
            with self._guard:
                self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            with self._guard:
                self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        with self._guard:
            left = list(self._open)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that went away is no news; anything else is printed by the base class."""


def listen(world: World, origin: str, port: int) -> _Listening:
    server = _Listening(port)
    server.world, server.origin = world, origin
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: _Listening

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        request = Request(
            method=self.command,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._body(),
            origin=self.server.origin,
        )
        git = self.server.world.git
        is_git = git is not None and ".git/" in path and self.server.origin != LOGS
        response = git.handle(request) if git is not None and is_git else self.server.world.handle(request)
        if response.delay:
            time.sleep(response.delay)
        if response.reset or response.unreachable:
            self._reset()
            return
        self._send(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 -- http.server finds them by name

    def _body(self) -> bytes:
        """The whole body; git sends large ones in chunks."""
        if "chunked" not in (self.headers.get("transfer-encoding") or ""):
            size = int(self.headers.get("content-length") or 0)
            return self.rfile.read(size) if size else b""
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status not in NO_BODY:
            self.send_header("content-length", str(response.big_body or len(response.body)))
        self.end_headers()
        if response.status in NO_BODY or self.command == "HEAD":
            return
        for chunk in response.chunks():
            self.wfile.write(chunk)

    def _reset(self) -> None:
        """Closes with RST: the caller sees "connection reset by peer", as when a front end dies."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
        """Nothing: the world's history has it all."""
