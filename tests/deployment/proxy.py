"""A deployment that misbehaves: the real one behind a small proxy that changes what goes through."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx

HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"})


@dataclass(slots=True)
class Exchange:
    """One request and, later, its answer. `tree` and `sent` are the JSON in them."""

    method: str
    path: str
    request_headers: dict[str, str]
    request: bytes
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def route(self) -> str:
        return urlsplit(self.path).path

    @property
    def sent(self) -> dict[str, Any]:
        return json.loads(self.request) if self.request else {}

    def send(self, tree: object) -> None:
        self.request = json.dumps(tree).encode()

    @property
    def tree(self) -> Any:
        return json.loads(self.body)

    def answer(self, tree: object) -> None:
        self.body = json.dumps(tree).encode()


Change = Callable[[Exchange], None]


def nothing(_exchange: Exchange) -> None:
    """An honest proxy."""


@contextmanager
def proxy(upstream: str, *, before: Change = nothing, after: Change = nothing) -> Iterator[str]:
    """The address of a proxy before `upstream`; `before` changes requests, `after` answers."""
    client = httpx.Client(base_url=upstream, timeout=60)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {k.lower(): v for k, v in self.headers.items() if k.lower() not in HOP}
            exchange = Exchange(self.command, self.path, headers, self.rfile.read(length))
            before(exchange)
            reply = client.request(
                exchange.method, exchange.path, headers=exchange.request_headers, content=exchange.request
            )
            exchange.status, exchange.body = reply.status_code, reply.content
            exchange.headers = {k.lower(): v for k, v in reply.headers.items() if k.lower() not in HOP}
            after(exchange)
            self.send_response(exchange.status)
            for name, value in {**exchange.headers, "content-length": str(len(exchange.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(exchange.body)

        do_GET = _pass  # noqa: N815  -- the base class looks for these names
        do_POST = _pass  # noqa: N815  -- the base class looks for these names

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        client.close()
