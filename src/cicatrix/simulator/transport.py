"""The in-process face: an httpx transport that asks a world instead of the network, the log host included."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx

from .exchange import API, LOGS, Request, Response
from .world import World

Hook = Callable[[str, str], None]


class SimTransport(httpx.BaseTransport):
    """Give it to `httpx.Client(transport=...)`.

    `before` and `after` are called with method and path round every request: a scheduler passes the baton there, a
    crash test raises there. A fault raises what httpx raises on a real network; an answer slower than the caller's
    read timeout moves the world's time by that timeout and raises `httpx.ReadTimeout`, after its effect.
    """

    def __init__(self, world: World, *, before: Hook | None = None, after: Hook | None = None) -> None:
        self.world = world
        self._before = before
        self._after = after

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        method, path = request.method, request.url.raw_path.partition(b"?")[0].decode("ascii")
        if origin not in (self.world.api_origin, self.world.log_origin):
            raise httpx.ConnectError(f"the simulated GitHub has no host {origin}", request=request)
        if self._before is not None:
            self._before(method, path)
        timeout = request.extensions.get("timeout", {}).get("read")
        response = self.world.handle(
            Request(
                method=method,
                path=path,
                query=request.url.query.decode("ascii"),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=request.read(),
                origin=LOGS if origin == self.world.log_origin else API,
                read_timeout=timeout,
            )
        )
        if self._after is not None:
            self._after(method, path)
        return self._delivered(request, response, timeout)

    def _delivered(self, request: httpx.Request, response: Response, timeout: float | None) -> httpx.Response:
        if response.unreachable:
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        if response.delay:
            late = timeout is not None and response.delay > timeout
            self.world.advance(timeout if late and timeout is not None else response.delay)
            if late:
                raise httpx.ReadTimeout("The read operation timed out", request=request)
        if response.reset:
            raise httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            request=request,
        )


class _Body(httpx.SyncByteStream):
    def __init__(self, response: Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.chunks()
